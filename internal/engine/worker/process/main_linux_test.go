package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/child"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// modeVariable selects what the test binary is when it is started as a worker, and
// serverVariable makes it a server with one worker.
const (
	modeVariable   = "TENSORWIRE_TEST_MODE"
	serverVariable = "TENSORWIRE_TEST_SERVER"
)

func TestMain(m *testing.M) {
	switch mode := os.Getenv(modeVariable); {
	case os.Getenv(serverVariable) != "":
		if err := serveOneWorker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	case child.Started() && mode == "":
		os.Exit(child.Main(openFake))
	case child.Started():
		os.Exit(badWorker(mode))
	}
	os.Exit(m.Run())
}

// serveOneWorker starts a worker, prints its process ID, and waits to be killed.
func serveOneWorker() error {
	p, err := process.Start(context.Background(), process.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, p.PID())
	<-p.Done()
	return p.Death()
}

// badWorker is a program that is no worker, or one that breaks the protocol.
func badWorker(mode string) int {
	_ = unix.SetNonblock(control.SocketFile, true)
	file := os.NewFile(control.SocketFile, "control socket")
	conn := control.NewConn(file)
	hello := control.Hello{Protocol: control.Protocol, Version: control.Version()}
	var setup control.Setup
	switch mode {
	case "silent":
		time.Sleep(time.Hour)
	case "exit":
		fmt.Fprintln(os.Stderr, "usage: a program of another kind")
		return 3
	case "version":
		hello.Version = "v9.9.9"
		_ = conn.Write(hello)
		time.Sleep(time.Hour)
	case "never ready":
		_ = conn.Write(hello)
		time.Sleep(time.Hour)
	}
	_ = conn.Write(hello)
	_ = conn.Read(&setup)
	_ = conn.Write(control.Ready{Runtime: "1"})
	switch mode {
	case "deaf": // sleeps
	case "unasked response":
		_ = conn.Write(control.Response{ID: 99})
	case "garbage":
		_, _ = file.WriteString("\x04\x00\x00\x00}{}{")
	case "huge frame":
		_, _ = file.WriteString("\xff\xff\xff\xff")
	case "closed socket":
		_ = unix.Shutdown(control.SocketFile, unix.SHUT_RDWR)
	case "busy":
		for n := uint64(1); n != 0; n += 2 { // odd, so it does not end
		}
	case "bad signature", "bad code":
		var request control.Request
		_ = conn.Read(&request)
		response := control.Response{ID: request.ID, Signature: &engine.Signature{Inputs: []engine.TensorSpec{{Name: "x", DataType: 200}}}}
		if mode == "bad code" {
			response.Code = 1 << 20
		}
		_ = conn.Write(response)
	}
	time.Sleep(time.Hour)
	return 0
}

// openFake opens an engine whose models are commands.
func openFake(setup control.Setup) (child.Runtime, error) {
	if setup.Library == "missing" {
		return child.Runtime{}, errors.New("no library")
	}
	return child.Runtime{Loader: fake{}, Version: "fake 1"}, nil
}

type fake struct{}

// Load loads the model at path, a command.
func (fake) Load(ctx context.Context, platform, path string, _ engine.LoadOptions) (engine.Session, error) {
	switch path {
	case "bad":
		return nil, fmt.Errorf("%w: of platform %s", engine.ErrBadModel, platform)
	case "until canceled":
		<-ctx.Done()
		return nil, ctx.Err()
	case "stubborn": // native code does not see that the load was canceled
		<-ctx.Done()
		return &session{path: path}, nil
	case "crash":
		die("SIGSEGV")
	case "large":
		return &session{path: path, output: strings.Repeat("x", 3<<20)}, nil
	case "share":
		return &session{path: path, output: fmt.Sprintf("%d %d", runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1))}, nil
	case "open sessions":
		return &session{path: path, output: strconv.Itoa(open.count())}, nil
	}
	open.add(1)
	return &session{path: path}, nil
}

// counter counts the sessions that are not closed.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(n int) { c.mu.Lock(); c.n += n; c.mu.Unlock() }
func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

var open counter

// session runs the command in its input.
type session struct{ path, output string }

func (s *session) Signature() *engine.Signature {
	spec := func(name string) []engine.TensorSpec {
		return []engine.TensorSpec{{Name: name, DataType: tensor.Uint8, Shape: tensor.Shape{tensor.Dynamic}, DimNames: []string{""}}}
	}
	return &engine.Signature{Inputs: spec("command"), Outputs: spec(s.path)}
}

func (s *session) Close() error {
	if s.output == "" && s.path != "stubborn" {
		open.add(-1)
	}
	return nil
}

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	result := []byte(s.output)
	switch command := string(inputs[0].Data); command {
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "spin": // a kernel that does not see that the run was terminated
		for n := uint64(1); n != 0; n += 2 { // odd, so it does not end
		}
	case "flood":
		line := strings.Repeat("x", 200) + "\n"
		for range 20_000 {
			fmt.Fprint(os.Stderr, line)
		}
		fmt.Fprintln(os.Stderr, "the last line")
	case "allocate":
		memory := make([]byte, 256<<20)
		for i := 0; i < len(memory); i += 4096 {
			memory[i] = 1
		}
		<-ctx.Done()
	case "bad input":
		return nil, fmt.Errorf("%w: of the test", engine.ErrBadInput)
	case "large output":
		result = make([]byte, 64<<20)
		for i := 0; i < len(result); i += 4096 {
			result[i] = 1
		}
	case "echo":
		result = inputs[0].Data
	case "":
	default:
		die(command)
	}
	return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{int64(len(result))}, Data: result}}}, nil
}

// die ends the process in one of the ways of native code.
func die(how string) {
	switch how {
	case "SIGKILL", "SIGSTOP":
		signals := map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGSTOP": syscall.SIGSTOP}
		_ = syscall.Kill(os.Getpid(), signals[how])
	case "SIGABRT": // as abort(3) does
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGABRT)
	case "SIGSEGV":
		if memory, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE); err == nil {
			memory[0] = 1
		}
	case "SIGFPE":
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGFPE)
	case "panic":
		panic("of the test")
	case "exit":
		os.Exit(7)
	}
	<-make(chan bool)
}

// start starts a worker that ends with the test.
func start(t *testing.T, o process.Options) *process.Process {
	t.Helper()
	p, err := process.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(nil); <-p.Done() })
	return p
}

// load loads a model.
func load(t *testing.T, p *process.Process, path string) uint64 {
	t.Helper()
	loaded, err := p.Load(t.Context(), process.LoadRequest{Platform: "fake", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return loaded.ID
}

// run runs a command and returns its output.
func run(ctx context.Context, p *process.Process, id uint64, command string) (string, error) {
	result, err := p.Run(ctx, id, []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{int64(len(command))}, Data: []byte(command)}})
	if err != nil {
		return "", err
	}
	defer result.Release()
	return string(result.Outputs[0].Data), nil
}

// startBad starts a bad worker.
func startBad(t *testing.T, mode string, o process.Options) (*process.Process, error) {
	t.Helper()
	o.Env = append(o.Env, modeVariable+"="+mode)
	p, err := process.Start(t.Context(), o)
	if err == nil {
		t.Cleanup(func() { p.Kill(nil); <-p.Done() })
	}
	return p, err
}

// until polls until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute: not %s", what)
		}
	}
}

// wait waits for the death of a worker.
func wait(t *testing.T, p *process.Process) *process.Death {
	t.Helper()
	select {
	case <-p.Done():
		return p.Death()
	case <-time.After(time.Minute):
		t.Fatal("the worker lives after a minute")
		return nil
	}
}

// logBuffer is a log that a test reads.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// server starts this binary as a server with one worker, and returns both process IDs.
func server(t *testing.T) (serverPID, workerPID int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the test may have done so
		_ = cmd.Wait()
	})
	line := make([]byte, 16)
	n, err := out.Read(line)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	workerPID, err = strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, workerPID
}
