//go:build cgo

package ort_test

import (
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// proofs has a test of the behavior of each function of the C API. A wrong slot calls
// another function: that crashes, or fails the test.
var proofs = map[string]func(*testing.T){
	"GetErrorCode": func(t *testing.T) {
		wrong := loadError(t, "missing.onnx", ort.Options{Level: ort.LevelAll, Config: []string{"", "1"}})
		missing := loadError(t, "missing.onnx", ort.Options{Level: ort.LevelAll})
		for err, want := range map[error]bool{wrong: true, missing: false} {
			if failure, ok := errors.AsType[*ort.Error](err); !ok || failure.InvalidArgument != want {
				t.Errorf("%+v", err)
			}
		}
	},
	"GetErrorMessage": func(t *testing.T) {
		err := loadError(t, "missing.onnx", ort.Options{Level: ort.LevelAll})
		if !strings.Contains(err.Error(), "missing.onnx") {
			t.Errorf("error %v", err)
		}
	},
	"ReleaseStatus": func(t *testing.T) {
		long := strings.Repeat("a", 100_000) // is repeated in the message
		doesNotLeak(t, 1000, func() { _ = loadError(t, long, ort.Options{Level: ort.LevelAll}) })
	},
	"CreateEnv":                      sessionsWork,
	"CreateCpuMemoryInfo":            sessionsWork,
	"GetAllocatorWithDefaultOptions": stringsRoundTrip,
	"ReleaseEnv":                     librariesReopen,
	"ReleaseMemoryInfo":              librariesReopen,
	"CreateSessionOptions":           sessionsWork,
	"CreateSession":                  sessionsWork,
	"ReleaseSession": func(t *testing.T) {
		file := write(t, weights(1<<20))
		doesNotLeak(t, 50, func() { open(t, file, []string{"x"}, []string{"y"}).Close() })
	},
	"ReleaseSessionOptions": func(t *testing.T) {
		// Each holds settings of 100 kB.
		var config []string
		for i := range 100 {
			config = append(config, strings.Repeat("k", 100)+strconv.Itoa(i), strings.Repeat("v", 1000))
		}
		doesNotLeak(t, 1000, func() { _ = loadError(t, "missing.onnx", ort.Options{Level: ort.LevelAll, Config: config}) })
	},
	// The runtime validates each setting, and names it in its error.
	"SetSessionGraphOptimizationLevel": func(t *testing.T) {
		if err := loadError(t, "missing.onnx", ort.Options{Level: 50}); !strings.Contains(err.Error(), "graph_optimization_level") {
			t.Errorf("error %v", err)
		}
	},
	"AddSessionConfigEntry": func(t *testing.T) {
		if err := loadError(t, "missing.onnx", ort.Options{Level: ort.LevelAll, Config: []string{"", "1"}}); !strings.Contains(err.Error(), "Config key is empty") {
			t.Errorf("error %v", err)
		}
	},
	"SetIntraOpNumThreads": func(t *testing.T) {
		startsThreads(t, 12, ort.Options{Level: ort.LevelAll, IntraOpThreads: 13, InterOpThreads: 1})
	},
	"SetInterOpNumThreads": func(t *testing.T) {
		startsThreads(t, 12, ort.Options{Level: ort.LevelAll, IntraOpThreads: 1, InterOpThreads: 13, Parallel: true})
	},
	"SetSessionExecutionMode": func(t *testing.T) {
		startsThreads(t, 0, ort.Options{Level: ort.LevelAll, IntraOpThreads: 1, InterOpThreads: 13})
	},
	// The runtime rejects runs that shrink an arena that does not exist.
	"DisableCpuMemArena": func(t *testing.T) {
		for _, without := range []bool{false, true} {
			err := runWith(t, ort.Options{Level: ort.LevelAll, NoArena: without, ShrinkArena: true})
			if _, failed := errors.AsType[*ort.Error](err); failed != without {
				t.Errorf("without an arena: %v, error %v", without, err)
			}
		}
	},
	"DisableMemPattern": func(t *testing.T) {
		for _, without := range []bool{false, true} {
			if grown := patternSize(t, without); (grown < patternBytes/2) != without {
				t.Errorf("without patterns: %v, a small run allocates %d MB", without, grown>>20)
			}
		}
	},
	"AddRunConfigEntry": func(t *testing.T) {
		if err := runWith(t, ort.Options{Level: ort.LevelAll, NoArena: true, ShrinkArena: true}); err == nil || !strings.Contains(err.Error(), "cpu") {
			t.Errorf("error %v does not name the arena", err)
		}
	},
	"CreateAllocator":  arenasShrink,
	"AllocatorAlloc":   arenasShrink,
	"AllocatorFree":    arenasShrink,
	"ReleaseAllocator": arenasShrink,

	"CreateRunOptions":         runsEndEarly,
	"RunOptionsSetTerminate":   runsEndEarly,
	"RunOptionsUnsetTerminate": runsEndEarly,
	"ReleaseRunOptions": func(t *testing.T) {
		s := open(t, write(t, weights(3)), []string{"x"}, []string{"y"})
		defer s.Close()
		in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{3}, Data: make([]byte, 12)}
		doesNotLeak(t, 300_000, func() { // each has options of a few hundred bytes
			if err := s.ShrinkArena([]tensor.Tensor{in}); err != nil {
				t.Fatal(err)
			}
		})
	},

	"CreateTensorWithDataAsOrtValue": sessionsWork,
	"Run":                            sessionsWork,
	// The runtime allocates an output that is not bound.
	"GetTensorTypeAndShape":         outputsAreAllocated,
	"GetTensorElementType":          outputsAreAllocated,
	"GetDimensionsCount":            outputsAreAllocated,
	"GetDimensions":                 outputsAreAllocated,
	"GetTensorMutableData":          outputsAreAllocated,
	"ReleaseValue":                  callsDoNotLeak,
	"ReleaseTensorTypeAndShapeInfo": callsDoNotLeak,

	"SessionGetOverridableInitializerCount": overridableInputsAreListed,
	"SessionGetOverridableInitializerName":  overridableInputsAreListed,

	"GetValueCount":              mapsAreRead,
	"GetValue":                   mapsAreRead,
	"GetTensorShapeElementCount": mapsAreRead,

	"CreateTensorAsOrtValue":              stringsRoundTrip,
	"GetResizedStringTensorElementBuffer": stringsRoundTrip,
	"GetStringTensorDataLength":           stringsRoundTrip,
	"GetStringTensorContent":              stringsRoundTrip,
}

func TestEverySlot(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		t.Run(name, proofs[name])
	}
}

func TestEverySlotHasAProof(t *testing.T) {
	header, err := os.ReadFile("api.h")
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	last := -1
	for _, m := range regexp.MustCompile(`FUNCTION\((\d+), (\w+),`).FindAllStringSubmatch(string(header), -1) {
		slot, _ := strconv.Atoi(m[1])
		if slot <= last {
			t.Errorf("slot %d of %s follows slot %d", slot, m[2], last)
		}
		last = slot
		declared = append(declared, m[2])
	}
	slices.Sort(declared)
	if proved := slices.Sorted(maps.Keys(proofs)); !slices.Equal(declared, proved) {
		t.Errorf("api.h declares %v\nproofs exist for %v", declared, proved)
	}
}

func library(t *testing.T) *ort.Library {
	t.Helper()
	path, err := onnxtest.Library()
	if err != nil {
		t.Fatal(err)
	}
	l, err := ort.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func write(t *testing.T, g onnxtest.Graph) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model.onnx")
	g.Write(t, file)
	return file
}

func open(t *testing.T, file string, inputs, outputs []string) *ort.Session {
	t.Helper()
	s, err := library(t).NewSession(file, inputs, outputs, ort.Options{IntraOpThreads: 1, Level: ort.LevelAll})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func loadError(t *testing.T, path string, o ort.Options) error {
	t.Helper()
	_, err := library(t).NewSession(path, []string{"x"}, []string{"y"}, o)
	if _, ok := errors.AsType[*ort.Error](err); !ok {
		t.Fatalf("error %v does not come from the runtime", err)
	}
	return err
}

// weights returns a graph that adds n numbers to its input.
func weights(n int) onnxtest.Graph {
	g := onnxtest.Unary("Add", onnxtest.Float32, n)
	g.Nodes[0].Inputs = []string{"x", "w"}
	g.Initializers = []onnxtest.Initializer{{Name: "w", Dims: []int64{int64(n)}, Data: slices.Repeat([]float32{1}, n)}}
	return g
}

// run calls a session once and binds the outputs that have a datatype.
func run(t *testing.T, s *ort.Session, inputs, outputs []tensor.Tensor, read func(*ort.Call)) {
	t.Helper()
	call, err := s.Call()
	if err != nil {
		t.Fatal(err)
	}
	defer call.Release()
	for i, in := range inputs {
		if err := call.SetInput(i, in); err != nil {
			t.Fatal(err)
		}
	}
	for i, out := range outputs {
		if out.DataType != tensor.Invalid {
			if err := call.BindOutput(i, out); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := call.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if read != nil {
		read(call)
	}
}

func sessionsWork(t *testing.T) {
	s := open(t, write(t, weights(3)), []string{"x"}, []string{"y"})
	defer s.Close()
	in, out := []float32{1, 2, 3}, make([]float32, 3)
	run(t, s,
		[]tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{3}, Data: tensor.AsBytes(in)}},
		[]tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{3}, Data: tensor.AsBytes(out)}}, nil)
	if !slices.Equal(out, []float32{2, 3, 4}) {
		t.Errorf("1 more than %v is %v", in, out)
	}
}

func outputsAreAllocated(t *testing.T) {
	s := open(t, write(t, onnxtest.Unary("Identity", onnxtest.Int16, "a", "b", "c")), []string{"x"}, []string{"y"})
	defer s.Close()
	want := tensor.Tensor{DataType: tensor.Int16, Shape: tensor.Shape{1, 2, 3}, Data: tensor.AsBytes([]int16{1, 2, 3, 4, 5, -6})}
	run(t, s, []tensor.Tensor{want}, nil, func(call *ort.Call) {
		d, shape, size, err := call.OutputInfo(0)
		got := make([]byte, size)
		if err := errors.Join(err, call.ReadOutput(0, got)); err != nil {
			t.Fatal(err)
		}
		if d != want.DataType || !slices.Equal(shape, want.Shape) || !slices.Equal(got, want.Data) {
			t.Errorf("found %v of %v: %v", shape, d, got)
		}
	})
}

func stringsRoundTrip(t *testing.T) {
	s := open(t, write(t, onnxtest.Unary("Identity", onnxtest.String, "n")), []string{"x"}, []string{"y"})
	defer s.Close()
	in := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{3}, Data: []byte("\x01\x00\x00\x00a\x00\x00\x00\x00\x03\x00\x00\x00b\x00c")}
	run(t, s, []tensor.Tensor{in}, nil, func(call *ort.Call) {
		_, _, size, err := call.OutputInfo(0)
		got := make([]byte, size)
		if err := errors.Join(err, call.ReadOutput(0, got)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, in.Data) {
			t.Errorf("found %q", got)
		}
	})
}

// callsDoNotLeak runs a model with large inputs and outputs, and with large shapes.
func callsDoNotLeak(t *testing.T) {
	g := onnxtest.Unary("Identity", onnxtest.Float32)
	g.Inputs[0].Unranked, g.Outputs[0].Unranked = true, true
	s := open(t, write(t, g), []string{"x"}, []string{"y"})
	defer s.Close()
	large := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1 << 18}, Data: make([]byte, 1<<20)}
	doesNotLeak(t, 1000, func() { run(t, s, []tensor.Tensor{large}, nil, nil) })
	shapes := tensor.Tensor{DataType: tensor.FP32, Shape: slices.Repeat(tensor.Shape{1}, ort.MaxRank), Data: make([]byte, 4)}
	doesNotLeak(t, 100_000, func() { run(t, s, []tensor.Tensor{shapes}, nil, nil) })
}

func librariesReopen(t *testing.T) {
	for range 3 {
		t.Run("", sessionsWork)
	}
}

// startsThreads checks that a session with these options starts this many threads.
func startsThreads(t *testing.T, want int, o ort.Options) {
	t.Helper()
	file := write(t, weights(3))
	l := library(t)
	before := tasks(t)
	s, err := l.NewSession(file, []string{"x"}, []string{"y"}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// Go may start a few of its own at the same time.
	if more := startedSince(t, before); more < want || more > want+5 {
		t.Errorf("%d additional threads, want %d", more, want)
	}
}

// tasks lists the process's threads.
func tasks(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	names := make([]string, len(list))
	for i, task := range list {
		names[i] = task.Name()
	}
	return names
}

// startedSince counts the threads that are not in before. A thread that has ended stays
// listed for a moment, so that plain totals cannot be compared.
func startedSince(t *testing.T, before []string) int {
	t.Helper()
	return len(slices.DeleteFunc(tasks(t), func(task string) bool { return slices.Contains(before, task) }))
}

// doesNotLeak checks that repeated calls of do, which allocates far more than 100 kB (or a
// kilobyte with a hundred thousand calls), free that memory.
func doesNotLeak(t *testing.T, times int, do func()) {
	t.Helper()
	growth := math.MaxInt
	for range 3 {
		before := resident(t)
		for range times {
			do()
		}
		if growth = min(growth, resident(t)-before); growth < 32<<20 {
			return
		}
	}
	t.Errorf("%d calls leak %d MB", times, growth>>20)
}

// resident returns the resident memory of the process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	return statm(t, 1)
}
