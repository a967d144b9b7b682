package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// servedModel is a model that a section writes for a server of its own.
type servedModel struct {
	name string
	// file is the ONNX file, and config the text of config.pbtxt; empty for none.
	file   []byte
	config string
}

// write puts the model into the repository at dir.
func (m servedModel) write(dir string) error {
	file := modelFile(dir, m.name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, m.file, 0o644); err != nil || m.config == "" {
		return err
	}
	return os.WriteFile(filepath.Join(dir, m.name, "config.pbtxt"), []byte(m.config), 0o644)
}

// modelFile is where the repository at dir has the ONNX file of a model.
func modelFile(dir, name string) string { return filepath.Join(dir, name, "1", "model.onnx") }

// serve starts the product on the repository at dir, as it comes but for args.
func (b *bench) serve(ctx context.Context, dir string, args ...string) (*process.Process, error) {
	return process.Start(ctx, b.stderr, b.server, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--models", dir,
		"--log-level", "warn", "--onnxruntime-lib", b.engine.library,
	}, args...)...)
}

// withServer writes models into a repository of their own, and calls do while a server
// has them. args are the server's.
func (b *bench) withServer(ctx context.Context, models []servedModel, args []string, do func(dir string, server *process.Process) error) (err error) {
	dir, err := os.MkdirTemp("", "tensorwire-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, m := range models {
		if err := m.write(dir); err != nil {
			return err
		}
	}
	server, err := b.serve(ctx, dir, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	return do(dir, server)
}
