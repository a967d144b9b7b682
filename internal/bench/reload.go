package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// reloadRounds is how often a model is loaded and unloaded.
const reloadRounds = 100

// reloadLayer is the shape of a model's layers. Both kinds of model have as many
// weights; they differ in how the C library has their memory: apart for a large layer,
// and side by side with all else for small ones.
type reloadLayer struct{ count, width int64 }

func reloadLayers() []reloadLayer { return []reloadLayer{{25, 1000}, {400, 250}} }

// reload measures what is left of a model that the server loads and unloads.
func reload(ctx context.Context, b *bench) (*report, error) {
	r := &report{}
	if _, err := os.Stat("/proc/self/status"); errors.Is(err, fs.ErrNotExist) {
		r.add(paragraph("Resident memory is read from /proc, which this system does not have."))
		return r, nil
	}
	t := newTable(1, "model", "before", "loaded", "after 1 round", fmt.Sprintf("after %d rounds", reloadRounds), "peak")
	for _, layer := range reloadLayers() {
		f, err := measureReload(ctx, b, layer)
		if err != nil {
			return nil, err
		}
		t.row(fmt.Sprintf("%d layers of %s weights, %s", layer.count, formatCount(layer.width*layer.width), formatBytes(f.file)),
			formatBytes(f.before), formatBytes(f.loaded), formatBytes(f.first), formatBytes(f.last), formatBytes(f.peak))
	}
	r.add(paragraph(fmt.Sprintf("Resident memory of the server's process, to which a client sends RepositoryModelLoad, ModelInfer and RepositoryModelUnload, %d times, for one model.", reloadRounds)), t,
		paragraph("Before, the server is ready and has no model. Loaded is after the first ModelInfer. A round ends with the answer to RepositoryModelUnload."))
	return r, nil
}

// footprint is the resident memory of a server, in bytes.
type footprint struct {
	// file is the size of the model's.
	file int64
	// before is without a model; loaded is with it, for the first time.
	before, loaded int64
	// first and last are after the first and the last round.
	first, last int64
	// peak is the most that there ever was.
	peak int64
}

// measureReload starts a server of one model and has it load and unload that.
func measureReload(ctx context.Context, b *bench, layer reloadLayer) (f *footprint, err error) {
	dir, err := os.MkdirTemp("", "tensorwire-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	const name = "reload"
	version := filepath.Join(dir, name, "1")
	model := newReloadModel(layer).encode()
	f = &footprint{file: int64(len(model))}
	if err := os.MkdirAll(version, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(version, "model.onnx"), model, 0o644); err != nil {
		return nil, err
	}
	server, err := startProcess(ctx, os.Stderr, b.server, "serve", "--listen", "127.0.0.1:0", "--models", dir,
		"--model-control", "explicit", "--log-level", "warn", "--onnxruntime-lib", b.engine.library)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	transport := connecthttp.NewTransport(newHTTPClient(http2), server.base, connecthttp.WithGRPC())
	err = f.measure(ctx, server, &reloadRound{
		client: inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(transport)),
		infer: &inference.ModelInferRequest{
			ModelName:        name,
			Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{1, layer.width}}},
			RawInputContents: [][]byte{tensor.AsBytes(make([]float32, layer.width))},
		},
	})
	return f, err
}

// newReloadModel returns a model of matrices, each of which is multiplied with what
// comes of the one before.
func newReloadModel(layer reloadLayer) *graph {
	n := &network{
		graph:  graph{input: value{name: "x", dims: []int64{layer.width}}},
		random: rand.New(rand.NewPCG(1, 2)),
		last:   "x",
	}
	for range layer.count {
		n.add("MatMul", nil, n.weights(layer.width, layer.width))
	}
	n.output = value{name: n.last, dims: []int64{layer.width}}
	return &n.graph
}

// reloadRound is a model's way into the server and out of it.
type reloadRound struct {
	client inferenceconnect.GRPCInferenceServiceClient
	infer  *inference.ModelInferRequest
}

func (r *reloadRound) load(ctx context.Context) error {
	if _, err := r.client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: r.infer.ModelName}); err != nil {
		return err
	}
	_, err := r.client.ModelInfer(ctx, r.infer)
	return err
}

func (r *reloadRound) unload(ctx context.Context) error {
	_, err := r.client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: r.infer.ModelName})
	return err
}

// measure reads the server's memory in all rounds.
func (f *footprint) measure(ctx context.Context, server *process, r *reloadRound) (err error) {
	if f.before, _, err = server.resident(); err != nil {
		return err
	}
	for round := range reloadRounds {
		if err := r.load(ctx); err != nil {
			return err
		}
		loaded, _, err := server.resident()
		if err != nil {
			return err
		}
		if err := r.unload(ctx); err != nil {
			return err
		}
		if f.last, f.peak, err = server.resident(); err != nil {
			return err
		}
		if round == 0 {
			f.loaded, f.first = loaded, f.last
		}
	}
	return nil
}

// resident returns the resident memory of the process, and the most that it had.
func (p *process) resident() (now, peak int64, _ error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = statusBytes(string(status), "VmRSS"); err != nil {
		return 0, 0, err
	}
	peak, err = statusBytes(string(status), "VmHWM")
	return now, peak, err
}

// statusBytes reads a size from proc_pid_status(5), "VmRSS:     1234 kB".
func statusBytes(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		var kilobytes int64
		if key, rest, _ := strings.Cut(line, ":"); key != name {
			continue
		} else if _, err := fmt.Sscanf(rest, "%d kB", &kilobytes); err != nil {
			return 0, fmt.Errorf("%s is %q, want kilobytes", name, strings.TrimSpace(rest))
		}
		return kilobytes * 1024, nil
	}
	return 0, fmt.Errorf("the process's status has no %s", name)
}
