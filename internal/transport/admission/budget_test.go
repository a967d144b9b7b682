package admission_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNoMoreIsReservedThanTheLimit(t *testing.T) {
	t.Parallel()
	b := admission.New(100)
	if !b.TryReserve(60) || b.TryReserve(41) || !b.TryReserve(40) || b.TryReserve(1) || !b.TryReserve(0) {
		t.Errorf("reserved %d of %d", b.Used(), b.Limit())
	}
	b.Release(60)
	if b.Used() != 40 || b.Peak() != 100 || !b.TryReserve(60) || b.TryReserve(math.MaxInt64) {
		t.Errorf("reserved %d, peak %d", b.Used(), b.Peak())
	}
}

func TestWithoutBound(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*admission.Budget{"nil": nil, "0": admission.New(0)} {
		if !b.TryReserve(math.MaxInt64) || b.Reserve(t.Context(), 0) != nil || b.Check(math.MaxInt64) != nil || b.Limit() != 0 {
			t.Errorf("%s: it has a bound", name)
		}
		b.Release(math.MaxInt64)
		if b.Used() != 0 {
			t.Errorf("%s: %d are left", name, b.Used())
		}
	}
	if b := (*admission.Budget)(nil); b.Peak() != 0 {
		t.Errorf("nil counts %d", b.Peak())
	}
}

func TestMoreThanTheLimitFailsAtOnce(t *testing.T) {
	t.Parallel()
	err := admission.New(100).Reserve(t.Context(), 101)
	if !errors.Is(err, admission.ErrTooLarge) || !strings.Contains(err.Error(), "101") || !strings.Contains(err.Error(), "100") {
		t.Errorf("error %v", err)
	}
}

// A large reservation that waits is not overtaken, neither by waiters nor by others.
func TestReservationsWaitInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		b.TryReserve(80)
		var served atomic.Int64
		for _, n := range []int64{90, 10, 20} {
			go func() {
				if err := b.Reserve(t.Context(), n); err != nil {
					t.Errorf("%d: %v", n, err)
				}
				served.Add(1)
			}()
			synctest.Wait()
		}
		if served.Load() > 0 || b.TryReserve(5) {
			t.Fatalf("90 was overtaken by %d", served.Load())
		}
		b.Release(80)
		synctest.Wait()
		if served.Load() != 2 || b.Used() != 100 {
			t.Fatalf("after there was room: %d served, %d reserved", served.Load(), b.Used())
		}
		b.Release(90)
		synctest.Wait()
		if served.Load() != 3 || b.Used() != 30 {
			t.Errorf("in the end: %d served, %d reserved", served.Load(), b.Used())
		}
	})
}

// A waiter that leaves the queue makes room for those behind it.
func TestAWaiterThatLeavesMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		b.TryReserve(50)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { large <- b.Reserve(ctx, 60) }()
		synctest.Wait()
		go func() { small <- b.Reserve(t.Context(), 50) }()
		if err := <-large; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the large one: %v", err)
		}
		if err := <-small; err != nil || b.Used() != 100 {
			t.Errorf("the small one: %v, %d reserved", err, b.Used())
		}
	})
}

func TestNothingLeaksUnderLoad(t *testing.T) {
	t.Parallel()
	b := admission.New(1000)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				n := rand.Int64N(600)
				if rand.IntN(4) == 0 {
					go cancel()
				}
				if rand.IntN(2) == 0 && b.TryReserve(n) || b.Reserve(ctx, n) == nil {
					b.Release(n)
				}
				cancel()
			}
		})
	}
	group.Wait()
	if b.Used() != 0 || b.Peak() > 1000 {
		t.Errorf("%d are left, peak %d", b.Used(), b.Peak())
	}
}
