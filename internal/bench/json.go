package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// numbers are a tensor's values as decimal numbers, and how they are read and written.
type numbers struct {
	name   string
	values []float32
	// ways are Tensorwire's and those that it is compared with, in the order of
	// numbersColumns.
	ways []*numbersWay
}

// numbersWay is one library's way. It is nil where the library has none.
type numbersWay struct {
	text []byte
	// decode reads text into memory that it makes; encode writes the values behind
	// what dst has. There may be no encode.
	decode func(text []byte) ([]float32, error)
	encode func(dst []byte) ([]byte, error)

	decoding, encoding []testing.BenchmarkResult // one of each round
}

func numbersColumns() []string { return []string{"Tensorwire", "`encoding/json`", "`protojson`"} }

// jsonNumbers compares what reads and writes a tensor as JSON numbers.
func jsonNumbers(ctx context.Context, b *bench) (*report.Report, error) {
	// There are many rows, and none that takes long.
	if err := setBenchTime(b.duration / 4); err != nil {
		return nil, err
	}
	all, err := newNumbers(b.image)
	if err != nil {
		return nil, err
	}
	for range b.rounds {
		for _, n := range all {
			for _, way := range n.ways {
				if err := errors.Join(way.measure(), ctx.Err()); err != nil {
					return nil, fmt.Errorf("%s: %w", n.name, err)
				}
			}
		}
	}
	allocates := []string{"Tensorwire allocates", "`protojson` allocates"}
	reading := report.NewTable(1, slices.Concat([]string{"read", "bytes"}, numbersColumns(), allocates)...)
	writing := report.NewTable(1, slices.Concat([]string{"write", "bytes"}, numbersColumns())...)
	for _, n := range all {
		read, written := []string{n.name, report.Count(int64(len(n.ways[0].text)))}, []string{n.name, report.Count(int64(len(n.ways[0].text)))}
		for _, way := range n.ways {
			read = append(read, way.compared(n.ways[0], func(w *numbersWay) []testing.BenchmarkResult { return w.decoding }))
			written = append(written, way.compared(n.ways[0], func(w *numbersWay) []testing.BenchmarkResult { return w.encoding }))
		}
		first, last := n.ways[0], n.ways[len(n.ways)-1]
		if last == nil {
			reading.Row(append(read, comparedMemory(first.decoding, first.decoding), "–")...)
			continue
		}
		reading.Row(append(read, comparedMemory(first.decoding, first.decoding), comparedMemory(last.decoding, first.decoding))...)
		writing.Row(written...)
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("%s float32 values as JSON numbers: as a request of the Open Inference Protocol's REST API by Tensorwire, as an array by `encoding/json`, from and to `[]float32`, "+
		"and in `fp32_contents` of `ModelInferRequest` by `protojson`. × is against Tensorwire, for the same values.", report.Count(model.ImageValues))),
		reading,
		report.Paragraph("Each reads into memory that it makes, `encoding/json` into a slice that is large enough from the start. Nested arrays, as the shape says, are `[][][][]float32` to `encoding/json`; `protojson` has none."),
		writing,
		report.Paragraph("Each writes into a buffer that is used again, but for `encoding/json`, which has no such way."))
	return r, nil
}

// compared writes the time that field tells of, against that of base.
func (w *numbersWay) compared(base *numbersWay, field func(*numbersWay) []testing.BenchmarkResult) string {
	if w == nil || field(w) == nil {
		return "–"
	}
	return comparedTime(field(w), field(base))
}

// check reads the text and compares the values.
func (w *numbersWay) check(want []float32) error {
	values, err := w.decode(w.text)
	if err == nil && !slices.Equal(values, want) {
		err = errors.New("the values came back as others")
	}
	return err
}

// measure adds one round. It does nothing on nil.
func (w *numbersWay) measure() error {
	if w == nil {
		return nil
	}
	var failed error
	w.decoding = append(w.decoding, testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, failed = w.decode(w.text); failed != nil {
				b.FailNow()
			}
		}
	}))
	if w.encode == nil || failed != nil {
		return failed
	}
	var buffer []byte
	w.encoding = append(w.encoding, testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if buffer, failed = w.encode(buffer[:0]); failed != nil {
				b.FailNow()
			}
		}
	}))
	return failed
}
