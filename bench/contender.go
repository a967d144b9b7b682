package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// contender is a server that is measured.
type contender struct {
	name string
	path string
	args []string
}

func (c contender) start(ctx context.Context, b *bench) (*process.Process, error) {
	p, err := process.Start(ctx, b.stderr, c.path, c.args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return p, nil
}

// without returns grpc-go's server and Tensorwire's, without a model. args say what they
// answer; profile names their CPU profiles.
func (b *bench) without(profile string, args ...string) []contender {
	both := []contender{{name: kindGRPCGo}, {name: kindTensorwire}}
	for i, c := range both {
		both[i].path = b.self
		both[i].args = append([]string{serveCommand, "-kind", c.name, "-tuning", string(b.tuning)}, args...)
		if b.profiles != "" {
			both[i].args = append(both[i].args, "-cpuprofile", filepath.Join(b.profiles, profile+"-"+c.name+".pprof"))
		}
	}
	return both
}

// withModel returns grpc-go's server around ONNX Runtime, and the product as it comes.
func (b *bench) withModel() ([]contender, error) {
	if err := b.findLibrary(); err != nil {
		return nil, err
	}
	return []contender{
		{name: kindGRPCGo, path: b.self, args: []string{
			serveCommand, "-kind", kindGRPCGo, "-tuning", string(b.tuning), "-model", b.modelFile(identityModel), "-onnxruntime-lib", b.library,
		}},
		b.product(),
	}, nil
}

// product is Tensorwire's binary as it comes, with the bench's models.
func (b *bench) product() contender {
	return contender{name: kindTensorwire, path: b.server, args: []string{
		"serve", "--listen", "127.0.0.1:0", "--models", b.models, "--model-control", "none",
		"--log-level", "warn", "--onnxruntime-lib", b.library,
	}}
}
