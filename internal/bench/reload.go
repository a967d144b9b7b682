package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"

	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// reloadCommand makes this program the process whose memory is measured: its arguments
// are ONNX Runtime's library and a model file.
const reloadCommand = "reload"

// reloadRounds is how often the model is loaded and unloaded.
const reloadRounds = 100

// The model that is loaded: layers of so many weights that C's allocator, and not the
// system, has the memory of each.
const (
	reloadLayers = 25
	reloadWidth  = 1000
)

// footprint is the resident memory of a process, in bytes.
type footprint struct {
	// Before has the library loaded, and no model yet.
	Before int64
	// Loaded has the model loaded and called, for the first time.
	Loaded int64
	// First and Last are after the first and the last round.
	First, Last int64
	// Peak is the most that there ever was.
	Peak int64
}

// reload measures what is left of a model that is loaded and unloaded.
func reload(ctx context.Context, b *bench) (*report.Report, error) {
	r := &report.Report{}
	if _, _, err := resident(); errors.Is(err, os.ErrNotExist) {
		r.Add(report.Paragraph("Resident memory is read from /proc, which this system does not have."))
		return r, nil
	}
	dir, err := os.MkdirTemp("", "tensorwire-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's directory for what may be left
	file := filepath.Join(dir, "model.onnx")
	encoded := model.Dense(reloadLayers, reloadWidth).Encode()
	if err := os.WriteFile(file, encoded, 0o644); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, self, reloadCommand, b.engine.library, file)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, complaint.String())
	}
	var f footprint
	if err := json.Unmarshal(out, &f); err != nil {
		return nil, err
	}
	t := report.NewTable(1, "model file", "before", "loaded", "after 1 round", fmt.Sprintf("after %d rounds", reloadRounds), "peak")
	t.Row(report.Bytes(int64(len(encoded))), report.Bytes(f.Before), report.Bytes(f.Loaded), report.Bytes(f.First), report.Bytes(f.Last), report.Bytes(f.Peak))
	r.Add(report.Paragraph(fmt.Sprintf("Resident memory of a process that loads a model of %d layers of %s weights, calls it, and unloads it, %d times.",
		reloadLayers, report.Count(reloadWidth*reloadWidth), reloadRounds)), t)
	return r, nil
}

// reloadRun is the process that reload measures. It writes its footprint as JSON.
func reloadRun(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%s takes a library and a model file", reloadCommand)
	}
	runtime, err := onnx.Open(args[0], onnx.Options{})
	if err != nil {
		return err
	}
	var f footprint
	if f.Before, _, err = resident(); err != nil {
		return err
	}
	for round := range reloadRounds {
		loaded, err := reloadRound(ctx, runtime, args[1])
		if err != nil {
			return err
		}
		if f.Last, f.Peak, err = resident(); err != nil {
			return err
		}
		if round == 0 {
			f.Loaded, f.First = loaded, f.Last
		}
	}
	if err := runtime.Close(); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(f)
}

// reloadRound loads, calls and unloads a model, and returns the memory while it was
// loaded.
func reloadRound(ctx context.Context, runtime *onnx.Engine, file string) (int64, error) {
	s, err := runtime.Load(ctx, file, engine.LoadOptions{})
	if err != nil {
		return 0, err
	}
	in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, reloadWidth}, Data: make([]byte, 4*reloadWidth)}
	_, err = s.Run(ctx, []tensor.Tensor{in})
	loaded, _, memoryErr := resident()
	return loaded, errors.Join(err, memoryErr, s.Close())
}

// resident returns the resident memory of this process, and the most that it had.
// What Go keeps for later is given back first.
func resident() (now, peak int64, _ error) {
	debug.FreeOSMemory()
	return process.OwnMemory()
}
