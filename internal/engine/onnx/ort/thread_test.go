//go:build cgo

package ort_test

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// onThreads opens a session whose runs all use C threads.
func onThreads(t *testing.T, g onnxtest.Graph) *ort.Session {
	t.Helper()
	s := open(t, write(t, g), []string{"x"}, []string{"y"})
	s.ForceThreads()
	return s
}

// add runs a model of weights with n numbers, and checks the output.
func add(t *testing.T, s *ort.Session, value float32, n int) error {
	t.Helper()
	call, err := s.Call()
	if err != nil {
		return err
	}
	defer call.Release()
	out := make([]float32, n)
	in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{int64(n)}, Data: tensor.AsBytes(slices.Repeat([]float32{value}, n))}
	err = errors.Join(
		call.SetInput(0, in),
		call.BindOutput(0, tensor.Tensor{DataType: tensor.FP32, Shape: in.Shape, Data: tensor.AsBytes(out)}))
	if err != nil {
		return err
	}
	if err := call.Run(t.Context()); err != nil {
		return err
	}
	if want := slices.Repeat([]float32{value + 1}, n); !slices.Equal(out, want) {
		t.Errorf("1 more than %v is %v, %d times", value, out[0], n)
	}
	return nil
}

func TestRunsOnThreads(t *testing.T) {
	s := onThreads(t, weights(1000))
	defer s.Close()
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 200 {
				if err := add(t, s, float32(1000*caller+i), 1000); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					runtime.GC()
				}
			}
		})
	}
	callers.Wait()
}

// A thread continues after a failed run.
func TestFailedRunsOnThreads(t *testing.T) {
	s := onThreads(t, weights(3))
	defer s.Close()
	for range 3 {
		if failure, ok := errors.AsType[*ort.Error](add(t, s, 1, 4)); !ok || !failure.InvalidArgument {
			t.Errorf("4 numbers for 3: %v", failure)
		}
		if err := add(t, s, 1, 3); err != nil {
			t.Error(err)
		}
	}
}

// Closed sessions leave no threads and no open files.
func TestThreadsEndWithTheirSession(t *testing.T) {
	file := write(t, weights(3))
	l := library(t)
	files := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc on this system")
		}
		return len(list)
	}
	threads, opened := len(tasks(t)), files()
	for range 50 {
		s, err := l.NewSession(file, []string{"x"}, []string{"y"}, ort.Options{IntraOpThreads: 1, Level: ort.LevelAll})
		if err != nil {
			t.Fatal(err)
		}
		s.ForceThreads()
		before := tasks(t)
		if err := add(t, s, 1, 3); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS == "linux" && startedSince(t, before) == 0 {
			t.Error("the run did not use a thread")
		}
		s.Close()
	}
	// Go and other tests may start a few at the same time.
	if more := len(tasks(t)) - threads; more > 10 {
		t.Errorf("%d additional threads", more)
	}
	if more := files() - opened; more > 10 {
		t.Errorf("%d additional open files", more)
	}
}
