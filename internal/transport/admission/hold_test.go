package admission_test

import (
	"errors"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

const unit = admission.MinHold

func TestHoldReservesUntilItsReleaseOrTheRequestsEnd(t *testing.T) {
	t.Parallel()
	b := admission.New(10 * unit)
	account := admission.NewAccount(b, 1)
	ctx := admission.WithAccount(t.Context(), account)
	if !account.TryAdd(unit) {
		t.Fatal("no room")
	}
	release, err := admission.Hold(ctx, 2*unit)
	if err != nil || b.Used() != 3*unit {
		t.Fatalf("%d are reserved, %v", b.Used(), err)
	}
	if _, err := admission.Hold(ctx, 3*unit); err != nil || b.Used() != 6*unit {
		t.Fatalf("%d are reserved, %v", b.Used(), err)
	}
	admission.Answered(ctx) // releases the message alone
	if b.Used() != 5*unit {
		t.Errorf("%d are reserved", b.Used())
	}
	release()
	release()
	if b.Used() != 3*unit {
		t.Errorf("%d are reserved after a release", b.Used())
	}
	account.Close()
	release()
	if b.Used() != 0 {
		t.Errorf("%d are reserved after the request", b.Used())
	}
	if _, err := admission.Hold(ctx, unit); !errors.Is(err, admission.ErrClosed) || b.Used() != 0 {
		t.Errorf("after the request: %v, %d", err, b.Used())
	}
}

func TestHoldWithoutRoomIsTheOverloadError(t *testing.T) {
	t.Parallel()
	b := admission.New(10 * unit)
	other := admission.NewAccount(b, 1)
	account := admission.NewAccount(b, 1)
	ctx := admission.WithAccount(t.Context(), account)
	if !other.TryAdd(5*unit) || !account.TryAdd(unit) {
		t.Fatal("no room")
	}
	_, err := admission.Hold(ctx, 5*unit)
	if wait, ok := overload.RetryAfter(err); !ok || wait != admission.RetryWait || errors.Is(err, admission.ErrTooLarge) {
		t.Errorf("while others have memory: %v", err)
	}
	if err := admission.Grow(ctx, 5*unit); err == nil {
		t.Error("a message grew without room")
	}
	// A retry would not help a request that is too large by itself.
	_, err = admission.Hold(ctx, 10*unit)
	if _, ok := overload.RetryAfter(err); ok || !errors.Is(err, admission.ErrTooLarge) {
		t.Errorf("more than the budget: %v", err)
	}
	if b.Used() != 6*unit || b.Refused() != 3 {
		t.Errorf("%d are reserved, %d were refused", b.Used(), b.Refused())
	}
	if _, err := admission.Hold(ctx, unit-1); err != nil || b.Used() != 6*unit {
		t.Errorf("less than MinHold: %v, %d", err, b.Used())
	}
	if _, err := admission.Hold(t.Context(), unit); err != nil {
		t.Errorf("without an account: %v", err)
	}
}

// What a request in progress needs is free before what waits is.
func TestHoldOvertakesThoseThatWait(t *testing.T) {
	t.Parallel()
	b := admission.New(10 * unit)
	account := admission.NewAccount(b, 1)
	ctx := admission.WithAccount(t.Context(), account)
	if !account.TryAdd(7 * unit) {
		t.Fatal("no room")
	}
	waited := make(chan error, 1)
	go func() { waited <- b.Reserve(t.Context(), 5*unit) }()
	for b.TryReserve(1) { // until the other one waits
		b.Release(1)
	}
	if _, err := admission.Hold(ctx, 2*unit); err != nil {
		t.Error(err)
	}
	account.Close()
	if err := <-waited; err != nil || b.Used() != 5*unit {
		t.Errorf("%v, %d are reserved", err, b.Used())
	}
}

// A decoded message is released with its message, also when its size is known only later.
func TestGrownMessageIsReleasedWhenItIsAnswered(t *testing.T) {
	t.Parallel()
	b := admission.New(100 * unit)
	account := admission.NewAccount(b, 1)
	ctx := admission.WithAccount(t.Context(), account)
	for _, grown := range []int64{0, 5 * unit, 7 * unit} {
		if err := account.Add(ctx, 2*unit); err != nil {
			t.Fatal(err)
		}
		if err := admission.Grow(ctx, grown); err != nil {
			t.Fatal(err)
		}
		admission.Settle(ctx, unit)
	}
	for at, want := range []int64{15, 14, 8, 0} {
		if b.Used() != want*unit {
			t.Errorf("after %d answers %d are reserved, want %d", at, b.Used(), want*unit)
		}
		admission.Answered(ctx)
	}
	if err := admission.Grow(ctx, unit); err != nil || b.Used() != unit {
		t.Errorf("without a message: %v, %d", err, b.Used())
	}
	account.Close()
	if b.Used() != 0 {
		t.Errorf("%d are reserved after the request", b.Used())
	}
}
