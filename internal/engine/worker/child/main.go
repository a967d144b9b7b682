package child

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
	"github.com/tensorwire/tensorwire/internal/engine/worker/sandbox"
)

// Loader loads models by the name of their platform, as engine.Registry does.
type Loader interface {
	Load(ctx context.Context, platform, path string, options engine.LoadOptions) (engine.Session, error)
}

// Runtime is what a worker runs models with.
type Runtime struct {
	Loader Loader
	// Version is the version of the native runtime.
	Version string
}

// Open opens the runtime. It reads what it needs of the file system: later, only the
// models can be read.
type Open func(setup control.Setup) (Runtime, error)

// Started reports whether a server started this process as a worker.
func Started() bool { return os.Getenv(control.Variable) != "" }

// Main runs a worker until the server ends it, and returns the exit code of the process.
// It may also end the process itself. Errors go to standard error, which the server logs.
func Main(open Open) int {
	if err := run(open); err != nil {
		fmt.Fprintf(os.Stderr, "tensorwire worker: %v\n", err)
		return 1
	}
	return 0
}

func run(open Open) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	conn := control.NewConn(inherited(control.SocketFile, "control socket"))
	if err := conn.Write(control.Hello{Protocol: control.Protocol, Version: control.Version()}); err != nil {
		return fmt.Errorf("write to the control socket: %w: only a server starts workers (%s is set)", err, control.Variable)
	}
	go exitWithServer(inherited(control.AliveFile, "alive pipe"))
	var setup control.Setup
	if err := conn.Read(&setup); err != nil {
		return fmt.Errorf("read from the control socket: %w", err)
	}
	data, loader, ready, err := prepare(setup, open)
	ready.Code, ready.Text = errcode.Of(err)
	if err := conn.Write(ready); err != nil {
		return fmt.Errorf("write to the control socket: %w", err)
	}
	if err != nil {
		return err
	}
	s := newServer(conn, loader)
	ended := make(chan error, 2)
	go func() { ended <- data.Serve(s.run) }()
	go func() { ended <- s.serve() }()
	return <-ended
}

// prepare limits the process, opens the runtime, and then restricts the process.
func prepare(setup control.Setup, open Open) (data *channel.Worker, loader Loader, ready control.Ready, err error) {
	if err := closeOthers(control.FirstChannelFile + setup.ChannelFiles); err != nil {
		return nil, nil, ready, err
	}
	if err := limit(setup); err != nil {
		return nil, nil, ready, err
	}
	files := make([]*os.File, setup.ChannelFiles)
	for i := range files {
		files[i] = os.NewFile(uintptr(control.FirstChannelFile+i), "channel")
	}
	if data, err = channel.Attach(files); err != nil {
		return nil, nil, ready, err
	}
	runtime, err := open(setup)
	if err != nil {
		return nil, nil, ready, err
	}
	ready.Runtime = runtime.Version
	ready.Sandbox, err = sandbox.Apply(setup.ReadPaths)
	return data, runtime.Loader, ready, err
}

// exitWithServer ends the process when the server is gone, also while models run.
func exitWithServer(alive *os.File) {
	_, _ = io.Copy(io.Discard, alive) // its end or an error: without the pipe there is no server
	os.Exit(0)
}
