package tensorwire_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

func TestRunWorker(t *testing.T) {
	p, err := process.Start(t.Context(), process.Options{Library: os.Getenv(onnxtest.LibraryVariable)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(p.Info().Runtime, "1.") {
		t.Errorf("%+v", p.Info())
	}
	p.Stop(t.Context())
}

// A program that embeds a server without RunWorker starts itself: it must not become a
// second server.
func TestProgramsWithoutRunWorkerDoNotStartServers(t *testing.T) {
	_, err := process.Start(t.Context(), process.Options{Env: []string{forgetsVariable + "=1"}})
	if !errors.Is(err, process.ErrNotWorker) || !strings.Contains(err.Error(), tensorwire.ErrWorkerProcess.Error()) {
		t.Errorf("error %v", err)
	}
}

// The variable alone makes no worker.
func TestAWorkerNeedsAServer(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), control.Variable+"=1")
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "only a server starts workers ("+control.Variable+" is set)") {
		t.Errorf("%v: %s", err, out)
	}
}
