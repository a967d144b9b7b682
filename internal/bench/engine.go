package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// Names of the models in the repository that the command writes.
const (
	digitsModel = "digits"
	imageModel  = "image224"
	heavyModel  = "conv224"
)

// localEngine is ONNX Runtime in this process, with the options that the server
// has by default, and the model repository that both load.
type localEngine struct {
	runtime *onnx.Engine
	library string
	models  string // the directory of the repository
	// multiplications is the cost of one image in conv224.
	multiplications int64
	sessions        []engine.Session
}

// openEngine loads ONNX Runtime and writes the models. digits is the directory of
// the digits model.
func openEngine(digits string) (*localEngine, error) {
	library, err := onnx.Find(os.Getenv("TENSORWIRE_ONNXRUNTIME_LIB"))
	if err != nil {
		return nil, err
	}
	runtime, err := onnx.Open(library, onnx.Options{})
	if err != nil {
		return nil, err
	}
	e := &localEngine{runtime: runtime, library: library}
	if err := e.writeModels(digits); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *localEngine) writeModels(digits string) error {
	var err error
	if e.models, err = os.MkdirTemp("", "tensorwire-bench-"); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(e.models, digitsModel), os.DirFS(digits)); err != nil {
		return fmt.Errorf("copy the digits model: %w", err)
	}
	heavy, multiplications := model.Heavy()
	e.multiplications = multiplications
	for name, g := range map[string]*model.Graph{imageModel: model.Image(), heavyModel: heavy} {
		if err := (servedModel{name: name, file: g.Encode()}).write(e.models); err != nil {
			return err
		}
	}
	return nil
}

func (e *localEngine) file(name string) string { return modelFile(e.models, name) }

// load returns a session of a model, which close closes.
func (e *localEngine) load(ctx context.Context, name string) (engine.Session, error) {
	s, err := e.runtime.Load(ctx, e.file(name), engine.LoadOptions{})
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	e.sessions = append(e.sessions, s)
	return s, nil
}

func (e *localEngine) close() error {
	if e == nil {
		return nil
	}
	var err error
	for _, s := range e.sessions {
		err = errors.Join(err, s.Close())
	}
	err = errors.Join(err, e.runtime.Close())
	if e.models != "" {
		err = errors.Join(err, os.RemoveAll(e.models))
	}
	return err
}
