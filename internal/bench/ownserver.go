package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// ownServer is a server that a section has for itself, with settings of its own: of one
// model, in a repository of its own.
type ownServer struct {
	*process.Process
	dir string
	// fileSize is the size of the model's file, in bytes.
	fileSize int64
	// scraper reads the metrics, on a connection that nothing else uses.
	scraper *http.Client
}

// startOwn writes the model's file and starts the server, with args after the flags that
// all such servers have. Stop ends it and removes the repository.
func startOwn(ctx context.Context, b *bench, name string, g *model.Graph, args ...string) (*ownServer, error) {
	file := g.Encode()
	s := &ownServer{scraper: newHTTPClient(http1), fileSize: int64(len(file))}
	if err := s.start(ctx, b, name, file, args); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *ownServer) start(ctx context.Context, b *bench, name string, file []byte, args []string) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "tensorwire-bench-"); err != nil {
		return err
	}
	version := filepath.Join(s.dir, name, "1")
	if err := os.MkdirAll(version, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(version, "model.onnx"), file, 0o644); err != nil {
		return err
	}
	s.Process, err = process.Start(ctx, os.Stderr, b.server, append([]string{"serve", "--listen", "127.0.0.1:0", "--models", s.dir,
		"--log-level", "warn", "--onnxruntime-lib", b.engine.library}, args...)...)
	return err
}

// Stop ends the server.
func (s *ownServer) Stop() error {
	s.scraper.CloseIdleConnections()
	err := s.Process.Stop()
	if s.dir == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// metrics reads the server's.
func (s *ownServer) metrics(ctx context.Context) (metrics, error) {
	return scrape(ctx, s.scraper, s.Base)
}
