package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// Names of the models in the repository that the command writes.
const (
	identityModel = "identity"
	imageModel    = "image224"
)

// bench is what the sections share.
type bench struct {
	*options
	stderr io.Writer
	// self is this program, which is also the servers without a model and grpc-go's.
	self string
	// library is ONNX Runtime's, models the repository.
	library, models string
	// missed counts the ratios that miss their floor.
	missed int
}

// newBench writes the models; close removes them.
func newBench(o *options, stderr io.Writer) (*bench, error) {
	b := &bench{options: o, stderr: stderr}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return nil, err
		}
	}
	if b.models, err = os.MkdirTemp("", "tensorwire-bench-"); err != nil {
		return nil, err
	}
	for name, g := range map[string]*model.Graph{identityModel: model.Identity(), imageModel: model.Image()} {
		if err := writeModel(b.modelFile(name), g); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	return b, nil
}

func writeModel(file string, g *model.Graph) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, g.Encode(), 0o644)
}

func (b *bench) modelFile(name string) string {
	return filepath.Join(b.models, name, "1", "model.onnx")
}

// findLibrary looks for ONNX Runtime where the product does.
func (b *bench) findLibrary() error {
	if b.library != "" {
		return nil
	}
	var err error
	b.library, err = onnx.Find(os.Getenv("TENSORWIRE_ONNXRUNTIME_LIB"))
	return err
}

func (b *bench) close() error { return os.RemoveAll(b.models) }

// sections are the parts of the report.
func (b *bench) sections() []report.Section {
	return []report.Section{
		{Name: "grpc-baseline", Title: "The baseline", Run: b.baseline},
		{Name: "grpc-requests", Title: "Large requests", Run: b.requests},
		{Name: "grpc-answers", Title: "Large answers", Run: b.answers},
		{Name: "grpc-identity", Title: "The identity model", Run: b.identity},
		{Name: "grpc-streams", Title: "Streams", Run: b.streams},
		{Name: "grpc-link", Title: "A long way", Run: b.link},
		{Name: "grpc-idle", Title: "Idle connections", Run: b.idle},
		{Name: "python", Title: "Servers in Python", Run: b.pythons},
		{Name: "grpc-machine", Title: "Machine", Run: b.machine},
	}
}

func sectionNames() []string {
	var names []string
	for _, s := range (&bench{}).sections() {
		names = append(names, s.Name)
	}
	return names
}

// machine says where and how the figures were taken.
func (b *bench) machine(context.Context) (*report.Report, error) {
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("%s. Medians of %d rounds of %v in which the servers take turns. Again, on your machine:",
		machineLine(), b.rounds, b.duration)), report.Code("make bench-transport"))
	return r, nil
}
