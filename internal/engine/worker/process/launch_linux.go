package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/base/children"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// launched is a running program with the server's ends of its descriptors.
type launched struct {
	cmd     *exec.Cmd
	control *os.File // the control socket
	alive   *os.File // the pipe whose end ends the worker
	output  *os.File // standard output and error
}

// launch starts the program in a process group of its own, with the descriptors of package
// control. data is passed on and stays the caller's.
func launch(o *Options, data []*os.File) (*launched, error) {
	l := &launched{}
	var inherited []*os.File // the child's ends, in the order of its descriptors
	var outputEnd *os.File
	err := func() (err error) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		l.control = os.NewFile(uintptr(pair[0]), "control socket")
		inherited = append(inherited, os.NewFile(uintptr(pair[1]), "control socket"))
		aliveEnd, alive, err := os.Pipe()
		if err != nil {
			return err
		}
		l.alive, inherited = alive, append(inherited, aliveEnd)
		if l.output, outputEnd, err = os.Pipe(); err != nil {
			return err
		}
		l.cmd = command(o, outputEnd, append(inherited[:2:2], data...))
		return children.Start(l.cmd)
	}()
	for _, end := range append(inherited, outputEnd) {
		if end != nil {
			_ = end.Close() // the child has its own; an error changes nothing
		}
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("start the worker %s: %w", o.Path, err)
	}
	return l, nil
}

// command returns the program with standard input from /dev/null.
func command(o *Options, output *os.File, files []*os.File) *exec.Cmd {
	return &exec.Cmd{
		Path: o.Path, Args: append([]string{os.Args[0]}, o.Args...), Env: environment(o),
		Stdout: output, Stderr: output, ExtraFiles: files,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // signals of the terminal go to the server
	}
}

// environment returns the environment of the worker. It has no secrets of the server's.
func environment(o *Options) []string {
	env := []string{control.Variable + "=1"}
	if o.Share.MaxProcs > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(o.Share.MaxProcs))
	}
	if o.Share.GoMemoryLimit > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(o.Share.GoMemoryLimit, 10))
	}
	// The runtime's library may need others, such as CUDA's.
	if path, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		env = append(env, "LD_LIBRARY_PATH="+path)
	}
	return append(env, o.Env...)
}

// close closes the server's ends.
func (l *launched) close() {
	for _, end := range []*os.File{l.control, l.alive, l.output} {
		if end != nil {
			_ = end.Close() // the worker has ended, or was not started
		}
	}
}

// pid returns the process ID, which is also that of its process group.
func (l *launched) pid() int { return l.cmd.Process.Pid }

// waitExit waits until the process has ended, and leaves it as a zombie: its process ID is
// not used for another process until reap.
func (l *launched) waitExit() {
	for {
		err := unix.Waitid(unix.P_PID, l.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// reap frees the zombie and returns how the process ended; nil if something else in this
// program has reaped it.
func (l *launched) reap() *os.ProcessState {
	_ = children.Wait(l.cmd) // an error is an exit code or a signal, which the state has
	return l.cmd.ProcessState
}

// kill sends SIGKILL to the process group, which has the process and what it may have
// started. It must not be called after reap.
func (l *launched) kill() {
	_ = unix.Kill(-l.pid(), unix.SIGKILL) // ESRCH: all have ended
}
