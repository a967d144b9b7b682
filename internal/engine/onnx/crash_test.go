package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// crasherVariable names the crasher that a child process of the test runs.
const crasherVariable = "TENSORWIRE_TEST_CRASHER"

// Each crashing model gives a result, an error of the engine, or the end of its own
// process with a signal. The log has the table of which does what.
func TestCrashers(t *testing.T) {
	if name := os.Getenv(crasherVariable); name != "" {
		fmt.Println("outcome:", crash(t, name))
		return
	}
	for _, c := range onnxtest.Crashers() {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashers$")
		command.Env = append(os.Environ(), crasherVariable+"="+c.Name, "GOTRACEBACK=none")
		output, err := command.CombinedOutput()
		outcome := signal(string(output))
		switch {
		case err == nil:
			if _, outcome, _ = strings.Cut(string(output), "outcome: "); outcome == "" {
				t.Errorf("%s: no outcome in %s", c.Name, output)
			}
		case outcome == "":
			t.Errorf("%s: %v: %s", c.Name, err, output)
		}
		first, _, _ := strings.Cut(outcome, "\n")
		t.Logf("%s (%d bytes): %s", c.Name, len(c.Model), first)
	}
}

// signal returns the line in which Go's runtime names the signal that ended a process.
func signal(output string) string {
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "SIG") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "unexpected fault") {
			return line
		}
	}
	return ""
}

// crash loads and runs a crasher, and describes what came of it. A run that takes long is
// cancelled.
func crash(t *testing.T, name string) string {
	for _, c := range onnxtest.Crashers() {
		if c.Name != name {
			continue
		}
		file := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(file, c.Model, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
		if err != nil {
			return "the load fails: " + err.Error()
		}
		defer func() { _ = s.Close() }()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if c.Endless {
			go cancel()
		}
		_, err = s.Run(ctx, c.Inputs)
		switch {
		case errors.Is(err, context.Canceled):
			return "the run ends with its context"
		case err != nil:
			return "the run fails: " + err.Error()
		}
		return "a result"
	}
	t.Fatalf("no crasher %q", name)
	return ""
}
