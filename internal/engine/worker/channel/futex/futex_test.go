//go:build linux

package futex_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/futex"
)

func TestWake(t *testing.T) {
	var word atomic.Uint32
	woken := make(chan error)
	go func() {
		for word.Load() == 0 {
			if err := futex.Wait(&word, 0, 0); err != nil {
				woken <- err
				return
			}
		}
		woken <- nil
	}()
	word.Store(1)
	futex.Wake(&word)
	if err := <-woken; err != nil {
		t.Error(err)
	}
}

func TestWaitReturns(t *testing.T) {
	var word atomic.Uint32
	if err := futex.Wait(&word, 1, 0); err != nil {
		t.Errorf("another value: %v", err)
	}
	if err := futex.Wait(&word, 0, time.Microsecond); !errors.Is(err, futex.ErrTimeout) {
		t.Errorf("timeout: %v", err)
	}
	misaligned := (*atomic.Uint32)(unsafe.Add(unsafe.Pointer(&[2]uint32{}), 1))
	if err := futex.Wait(misaligned, 0, time.Microsecond); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a misaligned word: %v", err)
	}
}
