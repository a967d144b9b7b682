package listen_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/listen"
)

// bind binds an address and closes its listeners with the test.
func bind(t *testing.T, text string) ([]net.Listener, error) {
	t.Helper()
	a, err := listen.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := a.Bind(t.Context(), os.Getenv)
	for _, listener := range bound {
		t.Cleanup(func() { _ = listener.Close() })
	}
	return bound, err
}

func TestAUnixSocketHasItsModeAndIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o666} {
		bound, err := bind(t, "unix:"+path+"?mode=0"+strconv.FormatUint(uint64(mode), 8))
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := bound[0].Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	}
}

// leave leaves the socket of an ended program.
func leave(t *testing.T, path string) {
	t.Helper()
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyASocketThatNobodyListensOnIsReplaced(t *testing.T) {
	dir := t.TempDir()
	stale, used, file, link := filepath.Join(dir, "stale"), filepath.Join(dir, "used"), filepath.Join(dir, "file"), filepath.Join(dir, "link")
	leave(t, stale)
	if _, err := bind(t, "unix:"+stale); err != nil {
		t.Errorf("a stale socket: %v", err)
	}
	if _, err := bind(t, "unix:"+used); err != nil {
		t.Fatal(err)
	}
	if _, err := bind(t, "unix:"+used); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a socket in use: %v", err)
	}
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{file, link, dir} {
		if _, err := bind(t, "unix:"+other); err == nil || !strings.Contains(err.Error(), "is no socket") {
			t.Errorf("%s: %v", other, err)
		}
	}
	if _, err := bind(t, "unix:"+filepath.Join(dir, "none", "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that does not exist: %v", err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "data" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

// A program that has replaced the socket keeps its own.
func TestTheSocketOfAnotherProgramStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	bound, err := bind(t, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	leave(t, path)
	if err := bound[0].Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the other's socket: %v", err)
	}
}

func TestOneOfManyServersGetsAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leave(t, path)
	var group sync.WaitGroup
	errs := make(chan error, 16)
	for range cap(errs) {
		group.Go(func() {
			_, err := bind(t, "unix:"+path)
			errs <- err
		})
	}
	group.Wait()
	bound := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			bound++
		} else if !errors.Is(err, syscall.EADDRINUSE) {
			t.Error(err)
		}
	}
	if bound != 1 {
		t.Errorf("%d have bound it", bound)
	}
	if nc, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else {
		_ = nc.Close()
	}
}

// inheritedVariable makes the test's program one that has inherited sockets.
const inheritedVariable = "LISTEN_TEST_ADDRESS"

// TestInherited binds an address in a process that has inherited sockets, and prints the listeners.
func TestInherited(t *testing.T) {
	text := os.Getenv(inheritedVariable)
	if text == "" {
		t.Skip("a helper of TestInheritedSockets")
	}
	pid := strconv.Itoa(os.Getpid())
	if os.Getenv("LISTEN_PID") == "other" {
		pid = "1"
	}
	a, err := listen.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := a.Bind(t.Context(), func(name string) string {
		if name == "LISTEN_PID" {
			return pid
		}
		return os.Getenv(name)
	})
	if err != nil {
		t.Logf("error: %v", err)
		return
	}
	for _, listener := range bound {
		t.Logf("listener %s", listener.Addr())
	}
}

func TestInheritedSockets(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	tcpFile, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer tcpFile.Close()
	unixFile, err := unix.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer unixFile.Close()
	tests := map[string]struct {
		env  []string
		want []string
	}{
		"systemd:":      {[]string{"LISTEN_FDS=2"}, []string{"listener " + tcp.Addr().String(), "listener " + unix.Addr().String()}},
		"systemd:http":  {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=grpc:http"}, []string{"listener " + unix.Addr().String()}},
		"systemd:none":  {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=grpc:http"}, []string{`no socket named "none", the names are [grpc http]`}},
		"systemd:x":     {nil, []string{"systemd has passed no sockets"}},
		"systemd:other": {[]string{"LISTEN_FDS=2", "LISTEN_PID=other"}, []string{"systemd has passed no sockets"}},
		"fd:3":          {nil, []string{"listener " + tcp.Addr().String()}},
		"fd:77":         {nil, []string{"descriptor 77 is no socket that listens"}},
	}
	for text, test := range tests {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInherited$", "-test.v")
		command.Env = append(append(os.Environ(), inheritedVariable+"="+text), test.env...)
		command.ExtraFiles = []*os.File{tcpFile, unixFile}
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		for _, want := range test.want {
			if !strings.Contains(string(output), want) {
				t.Errorf("%s: %s, want %q", text, output, want)
			}
		}
		if got := strings.Count(string(output), "listener "); strings.HasPrefix(test.want[0], "listener") && got != len(test.want) {
			t.Errorf("%s: %s", text, output)
		}
	}
}
