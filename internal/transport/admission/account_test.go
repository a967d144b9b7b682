package admission_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

func TestAnsweredReleasesTheOldestMessage(t *testing.T) {
	t.Parallel()
	b := admission.New(100)
	account := admission.NewAccount(b, 1)
	ctx := admission.WithAccount(t.Context(), account)
	for _, n := range []int64{10, 0, 30} {
		if err := account.Add(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range []int64{40, 30, 30, 0, 0} {
		if b.Used() != want {
			t.Errorf("after %d answers %d are reserved, want %d", at, b.Used(), want)
		}
		admission.Answered(ctx)
	}
	admission.Answered(t.Context()) // of a transport without accounts
}

func TestNewestMessageGrowsAndSettles(t *testing.T) {
	t.Parallel()
	b := admission.New(100)
	account := admission.NewAccount(b, 1)
	ctx := admission.WithAccount(t.Context(), account)
	if account.TryGrow(1) {
		t.Error("there is no message yet, and it grew")
	}
	if !account.TryAdd(10) || !account.TryAdd(20) || !account.TryGrow(70) || account.TryGrow(1) || account.TryAdd(1) {
		t.Errorf("%d are reserved", b.Used())
	}
	if b.Refused() != 2 { // the first had room, and nothing to grow
		t.Errorf("%d were refused", b.Refused())
	}
	admission.Settle(ctx, 95)
	admission.Settle(ctx, 15)
	if b.Used() != 25 {
		t.Errorf("%d are reserved when the newest takes 15", b.Used())
	}
	account.Close()
	if b.Used() != 0 {
		t.Errorf("%d are left", b.Used())
	}
}

// A transport that holds messages twice reserves twice their size.
func TestMessagesAreReservedAsOftenAsTheyAreHeld(t *testing.T) {
	t.Parallel()
	b := admission.New(100)
	account := admission.NewAccount(b, 2)
	if account.MaxMessage() != 50 || !account.TryAdd(20) || !account.TryGrow(10) || account.TryAdd(21) || b.Used() != 60 {
		t.Errorf("%d are reserved", b.Used())
	}
	if err := account.Add(t.Context(), 51); !errors.Is(err, admission.ErrTooLarge) {
		t.Errorf("more than fits: %v", err)
	}
	if account.Settle(5); b.Used() != 10 {
		t.Errorf("%d are reserved for 5", b.Used())
	}
	account.Answered()
	if none := admission.NewAccount(nil, 2); b.Used() != 0 || none.MaxMessage() != math.MaxInt64 || !none.TryAdd(1<<40) {
		t.Errorf("%d are left", b.Used())
	}
}

// A transport may still read when the handler has returned.
func TestClosedAccountHoldsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		account := admission.NewAccount(b, 1)
		if !account.TryAdd(60) {
			t.Fatal("no room")
		}
		waited := make(chan error, 1)
		go func() { waited <- account.Add(t.Context(), 50) }()
		synctest.Wait()
		account.Close()
		account.Close()
		if err := <-waited; !errors.Is(err, admission.ErrClosed) {
			t.Errorf("one that waited: %v", err)
		}
		if account.TryAdd(1) || account.TryGrow(1) || !errors.Is(account.Add(context.Background(), 1), admission.ErrClosed) {
			t.Error("it takes more")
		}
		if b.Used() != 0 {
			t.Errorf("%d are left", b.Used())
		}
	})
}
