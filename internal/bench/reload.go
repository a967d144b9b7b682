package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// reloadRounds is how often a model is loaded and unloaded.
const reloadRounds = 100

// reloadLayer is the shape of a model's layers. Both kinds of model have as many
// weights; they differ in how the C library has their memory: apart for a large layer,
// and side by side with all else for small ones.
type reloadLayer struct{ count, width int64 }

func reloadLayers() []reloadLayer { return []reloadLayer{{25, 1000}, {400, 250}} }

// reload measures what is left of a model that the server loads and unloads.
func reload(ctx context.Context, b *bench) (*report.Report, error) {
	r := &report.Report{}
	if _, err := os.Stat("/proc/self/status"); errors.Is(err, fs.ErrNotExist) {
		r.Add(report.Paragraph("Resident memory is read from /proc, which this system does not have."))
		return r, nil
	}
	t := report.NewTable(1, "model", "before", "loaded", "after 1 round", fmt.Sprintf("after %d rounds", reloadRounds), "peak")
	for _, layer := range reloadLayers() {
		f, err := measureReload(ctx, b, layer)
		if err != nil {
			return nil, err
		}
		t.Row(fmt.Sprintf("%d layers of %s weights, %s", layer.count, report.Count(layer.width*layer.width), report.Bytes(f.file)),
			report.Bytes(f.before), report.Bytes(f.loaded), report.Bytes(f.first), report.Bytes(f.last), report.Bytes(f.peak))
	}
	r.Add(report.Paragraph(fmt.Sprintf("Resident memory of the server's process, to which a client sends RepositoryModelLoad, ModelInfer and RepositoryModelUnload, %d times, for one model.", reloadRounds)), t,
		report.Paragraph("Before, the server is ready and has no model. Loaded is after the first ModelInfer. A round ends with the answer to RepositoryModelUnload."))
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
func measureReload(ctx context.Context, b *bench, layer reloadLayer) (*footprint, error) {
	const name = "reload"
	m := servedModel{name: name, file: model.Dense(layer.count, layer.width).Encode()}
	f := &footprint{file: int64(len(m.file))}
	err := b.withServer(ctx, []servedModel{m}, []string{"--model-control", "explicit"}, func(_ string, server *process.Process) error {
		return f.measure(ctx, server, &reloadRound{
			client: dialInference(server),
			infer:  newInferRequest(name, "x", []int64{1, layer.width}, tensor.AsBytes(make([]float32, layer.width))),
		})
	})
	return f, err
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
func (f *footprint) measure(ctx context.Context, server *process.Process, r *reloadRound) (err error) {
	if f.before, _, err = server.Memory(); err != nil {
		return err
	}
	for round := range reloadRounds {
		if err := r.load(ctx); err != nil {
			return err
		}
		loaded, _, err := server.Memory()
		if err != nil {
			return err
		}
		if err := r.unload(ctx); err != nil {
			return err
		}
		if f.last, f.peak, err = server.Memory(); err != nil {
			return err
		}
		if round == 0 {
			f.loaded, f.first = loaded, f.last
		}
	}
	return nil
}
