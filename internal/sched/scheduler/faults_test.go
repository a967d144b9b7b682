package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// faulty is an engine that returns its two inputs, FP32 [rows, columns] and BYTES [rows].
// Its calls fail in random ways. Rows begin with the tag of their request.
type faulty struct {
	shapes
	mu      sync.Mutex
	random  *rand.Rand // nil: no faults
	healthy bool       // from now on
	began   map[float32]time.Time
	good    int64 // calls with a valid result
}

func (f *faulty) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := f.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	fault, took := 99, time.Duration(0)
	f.mu.Lock()
	values, _ := tensor.View[float32](inputs[0].Data)
	for row := range slices.Chunk(values, int(max(inputs[0].Shape[1], 1))) {
		if _, again := f.began[row[0]]; !again { // a probe repeats a request
			f.began[row[0]] = time.Now()
		}
	}
	if f.random != nil && !f.healthy {
		fault, took = f.random.IntN(24), time.Duration(f.random.IntN(20))*time.Millisecond
	}
	f.mu.Unlock()
	if fault == 0 {
		took = 2 * hang
	}
	time.Sleep(took)
	result := &engine.Result{Outputs: slices.Clone(inputs), Timings: engine.Timings{Compute: took}}
	for i := range result.Outputs {
		result.Outputs[i].Data = slices.Clone(inputs[i].Data)
	}
	first := &result.Outputs[0]
	if len(values) < 2 && (fault == 7 || fault == 8) {
		fault = 99 // would be a valid result
	}
	switch fault {
	case 1:
		return nil, errors.New("fails")
	case 2:
		panic("panics")
	case 3:
		return nil, nil
	case 4:
		return &engine.Result{}, nil
	case 5:
		result.Outputs = append(result.Outputs, *first)
	case 6:
		first.Data = append(first.Data, 0)
	case 7:
		first.Data = first.Data[:max(len(first.Data)-4, 0)]
	case 8:
		first.Shape = nil
	case 9:
		first.Shape = tensor.Shape{-1, 2}
	case 10:
		first.DataType = tensor.Int32
	case 11:
		result.Outputs[1].Data = append(result.Outputs[1].Data, 9, 9)
	case 12:
		return nil, context.DeadlineExceeded // its own
	case 13:
		result.Outputs = slices.Clone(inputs) // aliases of the inputs
		fallthrough
	default:
		f.mu.Lock()
		f.good++
		f.mu.Unlock()
	}
	return result, nil
}

const hang = time.Minute

// tally counts the errors of callers, and the observer's reports.
type tally struct {
	mu       sync.Mutex
	rejected map[string]int // errors of callers
	notRun   map[string]int
	calls    int64
	queued   int
	running  int
}

func (l *tally) Queued(requests int, _ int64) { l.set(func() { l.queued = requests }) }
func (l *tally) Running(calls int)            { l.set(func() { l.running = calls }) }
func (l *tally) NotRun(reason string)         { l.set(func() { l.notRun[reason]++ }) }
func (l *tally) Executed(int64, time.Duration, time.Duration, time.Duration) {
	l.set(func() { l.calls++ })
}

func (l *tally) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

var reasons = map[error]string{
	scheduler.ErrQueueFull: scheduler.ReasonQueueFull, scheduler.ErrBusy: scheduler.ReasonBusy, scheduler.ErrTimeout: scheduler.ReasonTimeout,
	scheduler.ErrFailing: scheduler.ReasonFailing, scheduler.ErrOvertaken: scheduler.ReasonOvertaken,
}

// caller sends one request, and checks its answer.
func (l *tally) caller(ctx context.Context, t *testing.T, f *faulty, s engine.Session, tag float32, rows, columns int64) {
	values := make([]float32, rows*columns)
	for i := range values {
		values[i] = tag
	}
	inputs := []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{rows, columns}, Data: tensor.AsBytes(values)}, stringsOf(int(tag)%7, int(rows))}
	result, err := s.Run(ctx, inputs)
	answered := time.Now()
	if err == nil {
		for i := range inputs {
			if got := result.Outputs[i]; !slices.Equal(got.Data, inputs[i].Data) || !slices.Equal(got.Shape, inputs[i].Shape) {
				t.Errorf("request %v of [%d, %d] got the response of another: %v", tag, rows, columns, got)
			}
		}
		return
	}
	time.Sleep(4 * hang) // running calls have returned
	f.mu.Lock()
	began, ran := f.began[tag]
	f.mu.Unlock()
	for kind, reason := range reasons {
		if errors.Is(err, kind) {
			l.set(func() { l.rejected[reason]++ })
			if ran {
				t.Errorf("request %v ran, and returned %v", tag, err)
			}
		}
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		l.set(func() { l.rejected[scheduler.ReasonCancelled]++ })
		if ran && began.After(answered) {
			t.Errorf("request %v ran after it returned %v", tag, err)
		}
	}
}

// TestRandomFaults sends thousands of random requests to models with random options, whose
// engine fails in random ways, next to a healthy model.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFaults(t, rand.New(rand.NewPCG(seed, 4))) })
		})
	}
}

func randomFaults(t *testing.T, random *rand.Rand) {
	options := scheduler.Options{
		Instances: 1 + random.IntN(3), MaxQueue: 1 + random.IntN(40), MaxQueueBytes: int64(100 + random.IntN(4000)), HangTimeout: hang,
		Levels: []scheduler.Policy{
			{Override: true}, {Timeout: time.Duration(random.IntN(30)) * time.Millisecond, Delay: random.IntN(2) == 0, Override: true}, {MaxQueue: 3},
		},
	}
	if random.IntN(4) > 0 {
		options.Batching = &scheduler.Batching{MaxSize: 1 + random.IntN(8), MaxDelay: time.Duration(random.IntN(10)) * time.Millisecond, PreserveOrdering: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			options.Batching.Preferred = []int{2, 4}
		}
	}
	sick := &faulty{random: rand.New(rand.NewPCG(random.Uint64(), 1)), began: map[float32]time.Time{}}
	well := &faulty{began: map[float32]time.Time{}}
	seen := &tally{rejected: map[string]int{}, notRun: map[string]int{}}
	options.Observer = seen
	s, healthy := scheduler.New(sick, options), scheduler.New(well, scheduler.Options{Batching: &scheduler.Batching{MaxSize: 4}})
	groups := []*scheduler.LatestOnlyGroup{{}, {}, nil, nil, nil}
	var group sync.WaitGroup
	for tag := 10; tag < 410; tag++ { // the values of synthetic probes are smaller
		ctx, cancel := context.WithCancel(t.Context())
		switch random.IntN(6) {
		case 0:
			ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(40))*time.Millisecond)
		case 1:
			time.AfterFunc(time.Duration(random.IntN(40))*time.Millisecond, cancel)
		case 2:
			cancel()
		}
		with := scheduler.Request{Priority: uint64(random.IntN(4)), LatestOnly: groups[random.IntN(len(groups))]}
		if random.IntN(4) == 0 {
			with.Timeout = time.Duration(random.IntN(20)-2) * time.Millisecond
		}
		rows, columns := int64(random.IntN(6)), int64(1+random.IntN(2))
		group.Go(func() {
			defer cancel()
			seen.caller(scheduler.WithRequest(ctx, with), t, sick, s, float32(tag), rows, columns)
		})
		if tag%4 == 0 {
			group.Go(func() {
				start := time.Now()
				result, err := healthy.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 1}, Data: tensor.AsBytes([]float32{float32(tag)})}, stringsOf(0, 1)})
				if err != nil || time.Since(start) != 0 {
					t.Errorf("the healthy model is affected: %v, %v after %v", result, err, time.Since(start))
				}
			})
		}
		if random.IntN(3) > 0 {
			time.Sleep(time.Duration(random.IntN(6)) * time.Millisecond)
		}
		if tag == 300 && random.IntN(3) == 0 {
			group.Wait()
			time.Sleep(2 * hang)
		}
	}
	group.Wait()
	sick.mu.Lock()
	sick.healthy = true
	sick.mu.Unlock()
	time.Sleep(time.Hour)
	seen.caller(t.Context(), t, sick, s, 1000, 1, 1)
	if _, ran := sick.began[1000]; !ran || engine.Failing(s) != nil {
		t.Error("the model has not recovered")
	}
	for _, session := range []engine.Session{s, healthy} {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
	seen.check(t, sick)
}

// check compares the errors of callers with the observer's reports.
func (l *tally) check(t *testing.T, f *faulty) {
	t.Helper()
	if l.queued != 0 || l.running != 0 {
		t.Errorf("%d wait and %d run at the end", l.queued, l.running)
	}
	if l.calls > f.good {
		t.Errorf("%d calls are counted, %d had a valid result", l.calls, f.good)
	}
	for _, reason := range reasons {
		if l.rejected[reason] != l.notRun[reason] {
			t.Errorf("%d requests were rejected for %s, %d are counted", l.rejected[reason], reason, l.notRun[reason])
		}
	}
	// A request may be cancelled while it runs.
	if cancelled := l.rejected[scheduler.ReasonCancelled]; l.notRun[scheduler.ReasonCancelled] > cancelled {
		t.Errorf("%d requests were cancelled, %d are counted as not run", cancelled, l.notRun[scheduler.ReasonCancelled])
	}
}
