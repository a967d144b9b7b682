package scheduler_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an engine for fault injection. It returns its input, FP32 [rows, 2], after hold,
// and records the first value of each row of each call. fault, when set, may replace the
// result of a call. Released outputs are overwritten.
type fake struct {
	hold  time.Duration
	fault func(call int, values []float32) (*engine.Result, error)

	closing sync.RWMutex
	closed  bool

	mu         sync.Mutex
	running    int
	maxRunning int
	calls      [][]float32
	freed      int // results
}

func (s *fake) Signature() *engine.Signature {
	spec := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, 2}, DimNames: []string{"batch", ""}}
	return &engine.Signature{Inputs: []engine.TensorSpec{spec}, Outputs: []engine.TensorSpec{spec}}
}

func (s *fake) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	values, _ := tensor.View[float32](inputs[0].Data)
	var firsts []float32
	for row := range slices.Chunk(values, 2) {
		firsts = append(firsts, row[0])
	}
	s.mu.Lock()
	s.running++
	s.maxRunning = max(s.maxRunning, s.running)
	s.calls = append(s.calls, firsts)
	call := len(s.calls)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	time.Sleep(s.hold)
	if s.fault != nil {
		if result, err := s.fault(call, values); result != nil || err != nil {
			return result, err
		}
	}
	out := inputs[0]
	out.Data = slices.Clone(out.Data)
	return &engine.Result{
		Outputs: []tensor.Tensor{out}, Timings: engine.Timings{Compute: max(s.hold, 1)},
		Free: func() { s.free(out.Data) },
	}, nil
}

func (s *fake) free(data []byte) {
	for i := range data {
		data[i] = 0xdb
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freed++
}

func (s *fake) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	s.closed = true
	return nil
}

// ran returns the first values of the rows of each call.
func (s *fake) ran() [][]float32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// open returns a scheduler over s, which is closed with the test.
func open(t *testing.T, s *fake, options scheduler.Options) engine.Session {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	session := scheduler.New(s, options)
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

// callers starts requests and collects their answers.
type callers struct {
	t       *testing.T
	session engine.Session
	group   sync.WaitGroup
}

// call sends a request of one row that begins with value, and checks the answer: the error
// want, or the same row when want is nil.
func (c *callers) call(ctx context.Context, value float32, want error) {
	c.group.Go(func() {
		c.t.Helper()
		in := enginetest.Input(value, 0)
		result, err := c.session.Run(ctx, []tensor.Tensor{in})
		switch {
		case !errors.Is(err, want) || (want == nil && err != nil):
			c.t.Errorf("request %v: error %v, want %v", value, err, want)
		case err == nil && !slices.Equal(result.Outputs[0].Data, in.Data):
			c.t.Errorf("request %v got the response of another: %v", value, result.Outputs)
		case err == nil && !slices.Equal(result.Outputs[0].Shape, in.Shape):
			c.t.Errorf("request %v got the shape %v", value, result.Outputs[0].Shape)
		}
	})
}
