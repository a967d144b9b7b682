package imageinput_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/imageinput"
)

var (
	peerA = netip.MustParseAddr("192.0.2.1")
	peerB = netip.MustParseAddr("192.0.2.2")
)

// order returns the names of images in the order in which one slot decodes them. They arrive
// in the order of works, while the slot is taken.
func order(t *testing.T, works []imageinput.Work) []int {
	t.Helper()
	slots := imageinput.NewSlots(1)
	release, err := slots.Acquire(t.Context(), imageinput.Work{})
	if err != nil {
		t.Fatal(err)
	}
	turns := make(chan int, len(works))
	for i, work := range works {
		go func() {
			release, err := slots.Acquire(t.Context(), work)
			if err != nil {
				t.Error(err)
				return
			}
			turns <- i
			release()
		}()
		synctest.Wait()
	}
	release()
	var got []int
	for range works {
		got = append(got, <-turns)
	}
	return got
}

func TestSmallImagesAreDecodedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := order(t, []imageinput.Work{{Pixels: 50_000_000}, {Pixels: 12_000_000}, {Pixels: 784}}); !slices.Equal(got, []int{2, 1, 0}) {
			t.Errorf("order %v", got)
		}
	})
}

// A client with many images does not delay the one image of another.
func TestPeersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works := slices.Repeat([]imageinput.Work{{Pixels: 1000, Peer: peerA}}, 5)
		works = append(works, imageinput.Work{Pixels: 50_000_000, Peer: peerB})
		if got := order(t, works); slices.Index(got, 5) > 1 {
			t.Errorf("order %v: the other client's image waited for more than one", got)
		}
	})
}

// Smaller images overtake a large one for a bounded time.
func TestALargeImageIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := imageinput.NewSlots(1)
		release, err := slots.Acquire(t.Context(), imageinput.Work{})
		if err != nil {
			t.Fatal(err)
		}
		large := make(chan func())
		go func() {
			release, _ := slots.Acquire(t.Context(), imageinput.Work{Pixels: 50_000_000})
			large <- release
		}()
		synctest.Wait()
		for turn := 0; ; turn++ {
			next := make(chan func(), 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if release, err := slots.Acquire(ctx, imageinput.Work{Pixels: 1000}); err == nil {
					next <- release
				}
			}()
			synctest.Wait()
			release()
			select {
			case release := <-large:
				cancel()
				release()
				return
			case release = <-next:
				cancel()
			}
			if turn > 100 {
				t.Fatal("the large image has waited for 100 small ones")
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestSlotsBoundWhatIsDecodedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := imageinput.NewSlots(1)
		release, err := slots.Acquire(t.Context(), imageinput.Work{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := slots.Acquire(ctx, imageinput.Work{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second image: %v", err)
		}
		release()
		if release, err = slots.Acquire(t.Context(), imageinput.Work{}); err != nil {
			t.Error(err)
		}
		release()
	})
}
