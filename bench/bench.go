package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/load"
)

// bench is the state that the sections share.
type bench struct {
	*options
	stderr io.Writer
	// program is this one, which also is the servers other than Tensorwire's.
	program string
	image   []float32
	missed  int // ratios that miss their target
}

func newBench(o *options, stderr io.Writer) (*bench, error) {
	b := &bench{options: o, stderr: stderr, image: newImage()}
	var err error
	if b.program, err = os.Executable(); err != nil || b.library != "" {
		return b, err
	}
	// The build puts the library next to the server.
	if found, _ := filepath.Glob(filepath.Join(filepath.Dir(b.server), "libonnxruntime*")); len(found) > 0 {
		b.library = found[0]
	} else {
		b.library, err = onnx.Find("")
	}
	return b, err
}

const (
	identityModel = "identity"
	imageModel    = "image224"
	heavyModel    = "conv224"
	digitsModel   = "digits"
)

// servedModel is a model of a repository: a copy of the directory copyOf, or the graph.
type servedModel struct {
	name, copyOf string
	graph        model.Graph
	config       string // the text of config.pbtxt; empty: there is none
}

func digits() servedModel {
	return servedModel{name: digitsModel, copyOf: inRepository("models/digits")}
}

// write puts the model into the repository at dir.
func (m servedModel) write(dir string) error {
	file := modelFile(dir, m.name)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if m.copyOf != "" {
		err = errors.Join(err, os.CopyFS(filepath.Join(dir, m.name), os.DirFS(m.copyOf)))
	} else {
		err = errors.Join(err, os.WriteFile(file, m.graph.Encode(), 0o644))
	}
	if m.config != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, m.name, "config.pbtxt"), []byte(m.config), 0o644))
	}
	return err
}

// modelFile returns the path of a model's ONNX file in the repository at dir.
func modelFile(dir, name string) string { return filepath.Join(dir, name, "1", "model.onnx") }

// withModels writes models to a repository at dir while do runs.
func withModels(models []servedModel, do func(dir string) error) (err error) {
	dir, err := os.MkdirTemp("", "tensorwire-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, m := range models {
		if err := m.write(dir); err != nil {
			return fmt.Errorf("model %s: %w", m.name, err)
		}
	}
	return do(dir)
}

// serverArgs are the arguments of Tensorwire's binary: its defaults with a repository.
func (b *bench) serverArgs(models string, more ...string) []string {
	return append([]string{"serve", "--listen", "127.0.0.1:0", "--models", models, "--log-level", "warn", "--onnxruntime-lib", b.library}, more...)
}

// withServer runs Tensorwire with models, and more arguments, while do runs.
func (b *bench) withServer(ctx context.Context, models []servedModel, args []string, do func(s *server, dir string) error) error {
	return withModels(models, func(dir string) (err error) {
		s, err := b.start(ctx, b.server, b.serverArgs(dir, args...)...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		return do(s, dir)
	})
}

// server is a running server. Its figures are those of its process tree.
type server struct {
	load.Process
	base   string // the URL, such as http://127.0.0.1:8080
	cancel context.CancelFunc
	ended  chan error
}

// self measures this process.
func self() load.Process { return load.Process{PID: os.Getpid(), Alone: true} }

// start starts a server, without settings of the environment, and waits for its address.
func (b *bench) start(ctx context.Context, path string, args ...string) (*server, error) {
	const startTimeout, stopTimeout = 30 * time.Second, 10 * time.Second
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TENSORWIRE_") })
	cmd.Stderr = b.stderr
	cmd.WaitDelay = stopTimeout
	if runtime.GOOS != "windows" { // which has no interrupt
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	}
	stdout, err := cmd.StdoutPipe()
	if err = errors.Join(err, cmd.Start()); err != nil {
		cancel()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s := &server{Process: load.Process{PID: cmd.Process.Pid}, cancel: cancel, ended: make(chan error, 1)}
	found := make(chan string, 1)
	go func() {
		address := regexp.MustCompile(`http://[0-9a-z.:\[\]]+`)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if base := address.FindString(lines.Text()); base != "" {
				found <- base
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout) // until it ends
		s.ended <- cmd.Wait()
	}()
	select {
	case s.base = <-found:
		return s, nil
	case err := <-s.ended:
		cancel()
		return nil, fmt.Errorf("%s ended before it was ready: %w", filepath.Base(path), errors.Join(err, ctx.Err()))
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("%s printed no address within %v", filepath.Base(path), startTimeout), s.stop())
	}
}

func (s *server) stop() error {
	s.cancel()
	err := <-s.ended
	var exit *exec.ExitError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &exit) && !exit.Exited() {
		return nil // ended by the interrupt
	}
	return fmt.Errorf("stop the server: %w", err)
}
