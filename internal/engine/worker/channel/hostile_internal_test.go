//go:build linux

package channel

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
)

// hostile is a worker without a process, which answers as a test wants.
type hostile struct {
	*Server
	memory slotMemory
	stop   chan struct{}
	ended  sync.WaitGroup
}

// startHostile starts a channel of one slot. answer writes the answer to request n, from
// 0, into the slot's area, and returns its length.
func startHostile(t *testing.T, o Options, answer func(n int, sl slotMemory) int) *hostile {
	t.Helper()
	s, err := Listen(1, o)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(s.Files()[0].Fd()))
	if err != nil {
		t.Fatal(err)
	}
	control, err := shm.Open(os.NewFile(uintptr(fd), "control"), 0, controlSize(1), shm.Writable)
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{Server: s, memory: slotAt(control.Bytes(), 0), stop: make(chan struct{})}
	h.ended.Go(func() {
		var last uint32
		for n := 0; !h.stopped(); {
			number := h.memory.request.Load()
			if number == last {
				runtime.Gosched()
				continue
			}
			last = number
			h.memory.answerLength.Store(uint32(answer(n, h.memory)))
			h.memory.answer.Store(number)
			h.slots[0].wake()
			n++
		}
	})
	t.Cleanup(func() {
		close(h.stop)
		h.ended.Wait()
		h.Fail(errors.New("the test ended"))
		if err := control.Unmap(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *hostile) stopped() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// message returns an answer with these tensors.
func message(kind messageKind, value uint64, tensors ...descriptor) []byte {
	a := answer{kind: kind, needed: value}
	b := a.append(nil)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(tensors)))
	for i := range tensors {
		b = tensors[i].append(b)
	}
	return b
}

func uint8Tensor(segment uint32, offset, length uint64, shape ...int64) descriptor {
	return descriptor{dataType: tensor.Uint8, shape: shape, segment: segment, offset: offset, length: length}
}

// many returns n tensors of all bytes of segment 2.
func many(n int, size uint64) []descriptor {
	tensors := make([]descriptor, n)
	for i := range tensors {
		tensors[i] = uint8Tensor(2, 0, size, int64(size))
	}
	return tensors
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	wrong := answer{kind: kindDone, code: 99, text: "x"}
	truncated := message(kindDone, 0, uint8Tensor(0, 0, 8, 8))
	badBytes := append(message(kindDone, 0, descriptor{dataType: tensor.Bytes, shape: tensor.Shape{1}, offset: 52, length: 8}), 5, 0, 0, 0, 1, 2, 3, 4)
	for name, test := range map[string]struct {
		answer []byte
		length int
		want   string
	}{
		"longer than the area":     {length: areaSize + 1, want: "the limit is"},
		"longest":                  {length: math.MaxUint32, want: "the limit is"},
		"nothing":                  {length: 0, want: "truncated"},
		"zeros":                    {length: 100, want: "unknown answer of kind 0"},
		"a request":                {answer: message(kindRun, 0), want: "unknown answer of kind 1"},
		"unknown code":             {answer: wrong.append(nil), want: "code 99"},
		"more of nothing":          {answer: message(kindMore, 0), want: "asks for 0 bytes"},
		"truncated tensors":        {answer: truncated[:len(truncated)-1], want: "truncated"},
		"number of tensors":        {answer: append(message(kindDone, 0)[:answerHeader], 255, 255, 255, 255), want: "4294967295 tensors"},
		"datatype":                 {answer: message(kindDone, 0, descriptor{dataType: tensor.Bytes + 1}), want: "unknown datatype"},
		"no datatype":              {answer: message(kindDone, 0, descriptor{length: 1}), want: "without a datatype"},
		"negative dimension":       {answer: message(kindDone, 0, uint8Tensor(0, 0, 1, -1)), want: "negative"},
		"overflowing shape":        {answer: message(kindDone, 0, uint8Tensor(0, 0, 0, math.MaxInt64, math.MaxInt64)), want: "overflows"},
		"length":                   {answer: message(kindDone, 0, uint8Tensor(0, 0, 2, 3)), want: "has 3 bytes, found 2"},
		"offset":                   {answer: message(kindDone, 0, uint8Tensor(0, areaSize, 1, 1)), want: "exceed"},
		"end":                      {answer: message(kindDone, 0, uint8Tensor(0, 50, 100, 100)), want: "exceed"},
		"overflowing end":          {answer: message(kindDone, 0, uint8Tensor(0, math.MaxUint64, 2, 2)), want: "exceed"},
		"segment of another run":   {answer: message(kindDone, 0, uint8Tensor(1, 0, 1, 1)), want: "not part of the run"},
		"BYTES prefix":             {answer: badBytes, want: "its length prefix declares 5 bytes"},
		"BYTES of a billion":       {answer: message(kindDone, 0, descriptor{dataType: tensor.Bytes, shape: tensor.Shape{math.MaxInt64}}), want: "found 0 BYTES elements"},
		"overlap of small outputs": {answer: message(kindDone, 0, many(0, 0)...), want: ""},
	} {
		h := startHostile(t, Options{}, func(_ int, sl slotMemory) int {
			copy(sl.answerArea, test.answer)
			return max(test.length, len(test.answer))
		})
		_, err := h.Run(t.Context(), 1, []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{20_000}, Data: make([]byte, 20_000)}})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (!errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}

// Outputs that overlap would make the server copy more than the worker has.
func TestHostileOverlap(t *testing.T) {
	t.Parallel()
	for _, lend := range []int64{0, 1 << 30} {
		h := startHostile(t, Options{LendBytes: lend}, func(n int, sl slotMemory) int {
			if n == 0 {
				return copy(sl.answerArea, message(kindMore, 1<<20))
			}
			id := binary.LittleEndian.Uint32(sl.requestArea[4:])
			tensors := many(500, 1<<20)
			for i := range tensors {
				tensors[i].segment = id
			}
			return copy(sl.answerArea, message(kindDone, 0, tensors...))
		})
		if _, err := h.Run(t.Context(), 1, nil); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "larger than their memory") {
			t.Error(err)
		}
	}
}

func TestHostileGrowth(t *testing.T) {
	t.Parallel()
	h := startHostile(t, Options{}, func(n int, sl slotMemory) int {
		return copy(sl.answerArea, message(kindMore, uint64(n+1)<<20))
	})
	if _, err := h.Run(t.Context(), 1, nil); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "asks for 2097152 bytes") {
		t.Errorf("a second growth: %v", err)
	}
	h = startHostile(t, Options{}, func(n int, sl slotMemory) int {
		if n == 0 {
			return copy(sl.answerArea, message(kindMore, math.MaxUint64))
		}
		return copy(sl.answerArea, message(kindDone, 0))
	})
	if _, err := h.Run(t.Context(), 1, nil); !errors.Is(err, engine.ErrTooLarge) {
		t.Errorf("growth above the limit: %v", err)
	}
	if _, err := h.Run(t.Context(), 1, nil); err != nil {
		t.Errorf("the run after it: %v", err)
	}
}

// The worker's times are not trusted either.
func TestHostileTime(t *testing.T) {
	t.Parallel()
	h := startHostile(t, Options{}, func(_ int, sl slotMemory) int {
		return copy(sl.answerArea, message(kindDone, math.MaxUint64))
	})
	result, err := h.Run(t.Context(), 1, nil)
	if err != nil || result.Timings.Compute < 0 {
		t.Errorf("%v, %v", result, err)
	}
}

// Broken kills the worker, and the runs end with the error of its death.
func TestBrokenIsCalledOnce(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	died := errors.New("died")
	reported := make(chan error)
	h := startHostile(t, Options{Broken: func(err error) {
		calls.Add(1)
		reported <- err
	}}, func(int, slotMemory) int { return areaSize + 1 })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := h.Run(ctx, 1, nil)
		ended <- err
	}()
	if err := <-reported; !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() {
		_, err := h.Run(t.Context(), 1, nil) // the slot is not reused
		ended <- err
	}()
	h.Fail(died)
	if err := <-ended; !errors.Is(err, died) {
		t.Error(err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("Broken was called %d times", n)
	}
}

// A worker that changes its answer all the time causes an error or an answer, which does
// not change any more.
func TestAnswerChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	good := message(kindDone, 0, uint8Tensor(0, 64, 16, 16), descriptor{dataType: tensor.Bytes, shape: tensor.Shape{1}, offset: 80, length: 16})
	good = append(good, make([]byte, 96-len(good))...)
	binary.LittleEndian.PutUint32(good[80:], 12)
	h := startHostile(t, Options{Broken: func(error) {}}, func(_ int, sl slotMemory) int {
		return copy(sl.answerArea, good)
	})
	h.ended.Go(func() {
		for i := 0; !h.stopped(); i++ {
			at := i % len(good)
			h.memory.answerArea[at] = byte(i)
			h.memory.answerArea[at] = good[at]
		}
	})
	c := &call{server: h.Server, slot: &h.slots[0]}
	for range 20_000 {
		c.slot.answerLength.Store(uint32(len(good)))
		message, a, err := c.read()
		if err != nil {
			continue
		}
		from := source{message: message}
		if from.check(a.tensors) != nil {
			continue
		}
		out, err := from.copyOutputs(a.tensors, false)
		if err != nil {
			continue
		}
		for _, o := range out.outputs {
			if o.DataType != tensor.Invalid && o.Validate() != nil {
				t.Fatal(o.Validate())
			}
		}
	}
}
