package limit_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/auth/limit"
)

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.New(limit.Options{Rate: 2})
		admit := func(key string) error {
			release, err := l.Admit(key, false)
			if err == nil {
				release()
			}
			return err
		}
		for range 2 {
			if err := admit("a"); err != nil {
				t.Fatal(err)
			}
		}
		failed, ok := errors.AsType[*limit.Error](admit("a"))
		if !ok || failed.RetryAfter() != 500*time.Millisecond {
			t.Errorf("%v", failed)
		}
		if err := admit("b"); err != nil {
			t.Errorf("another client: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
		if err := admit("a"); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if err := admit("a"); err == nil {
			t.Error("a refused request is not counted against the client, and the next is admitted too early")
		}
	})
}

func TestStreams(t *testing.T) {
	l := limit.New(limit.Options{Streams: 1})
	release, err := l.Admit("a", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Admit("a", true); err == nil {
		t.Error("a second stream")
	}
	if _, err := l.Admit("a", false); err != nil {
		t.Errorf("a unary call: %v", err)
	}
	release()
	if _, err := l.Admit("a", true); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// Clients of many addresses take bounded memory, and do not reset each other's counts.
func TestClientsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 4
		l := limit.New(limit.Options{Rate: 1, MaxClients: clients})
		for i := range clients {
			if _, err := l.Admit(strconv.Itoa(i), false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Admit("further", false); err != nil {
			t.Errorf("the first of the others: %v", err)
		}
		if _, err := l.Admit("yet another", false); err == nil {
			t.Error("the others do not share a count")
		}
		if _, err := l.Admit("0", false); err == nil {
			t.Error("a client was forgotten that is not idle")
		}
		time.Sleep(time.Second)
		for i := range clients {
			if _, err := l.Admit("new "+strconv.Itoa(i), false); err != nil {
				t.Errorf("idle clients are not forgotten: %v", err)
			}
		}
	})
}

func TestNoLimits(t *testing.T) {
	l := limit.New(limit.Options{})
	if release, err := l.Admit("a", true); err != nil {
		t.Error(err)
	} else {
		release()
	}
}
