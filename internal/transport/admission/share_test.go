package admission_test

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// upload is a request whose message arrives, as a transport makes it. Interrupted, it ends.
type upload struct {
	account     *admission.Account
	transfer    admission.Transfer
	interrupted atomic.Bool
}

func (u *upload) Interrupt() {
	u.interrupted.Store(true)
	u.account.Close()
}

func peerAt(last byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, last}) }

// begin begins an upload of size bytes on a connection; nil: it was refused.
func begin(conn *admission.Conn, size int64) *upload {
	u := &upload{account: admission.NewAccountOf(conn, 1)}
	if !u.account.TryAdd(size) {
		return nil
	}
	u.transfer.Begin(u.account, 100, u)
	return u
}

func TestPeersAreIPv4AddressesAndIPv6Networks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.7:80":              "192.0.2.7",
		"[::ffff:192.0.2.7]:80":     "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::",
		"[fe80::1%eth0]:80":         "fe80::",
	} {
		if got := admission.PeerOfText(text); got.String() != want {
			t.Errorf("%s is %v, want %s", text, got, want)
		}
		if tcp, err := net.ResolveTCPAddr("tcp", text); err == nil && admission.PeerOf(tcp).String() != want {
			t.Errorf("%s as an address is %v, want %s", text, admission.PeerOf(tcp), want)
		}
	}
	if admission.PeerOfText("pipe").IsValid() || admission.PeerOf(&net.UnixAddr{Name: "/x"}).IsValid() || admission.PeerOf(nil).IsValid() {
		t.Error("what has no IP address has a peer of its own")
	}
}

// One peer alone may use all of the budget. When others come it keeps as much as they get, and what
// has arrived: its newest uploads end first.
func TestNoPeerStarvesOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(900)
		greedy, other := b.Connect(peerAt(1)), b.Connect(peerAt(2))
		var uploads []*upload
		for range 9 {
			uploads = append(uploads, begin(greedy, 100))
			uploads[len(uploads)-1].transfer.Moved(1 << 20) // not slow
		}
		if b.Used() != 900 || begin(greedy, 1) != nil {
			t.Fatalf("alone it reserves %d", b.Used())
		}
		if !uploads[8].transfer.End() {
			t.Fatal("the last was ended")
		}
		admitted := 0
		for range 9 {
			if u := begin(other, 100); u != nil {
				u.transfer.Moved(1 << 20)
				admitted++
			}
		}
		for i, u := range uploads {
			if want := i >= 4 && i < 8; u.interrupted.Load() != want {
				t.Errorf("upload %d was ended: %v", i, !want)
			}
		}
		if admitted != 4 || b.Revoked() != 4 || b.Used() != 900 {
			t.Errorf("%d of the other were admitted, %d ended, %d reserved", admitted, b.Revoked(), b.Used())
		}
	})
}

// The same holds between the connections of one peer: all clients behind a proxy are one.
func TestNoConnectionStarvesOthersOfItsPeer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(900)
		greedy, other := b.Connect(peerAt(1)), b.Connect(peerAt(1))
		for range 9 {
			begin(greedy, 100).transfer.Moved(1 << 20)
		}
		if begin(other, 50) == nil || b.Revoked() != 1 {
			t.Errorf("%d were ended for the other connection", b.Revoked())
		}
		if begin(other, 500) != nil {
			t.Error("the other connection takes more than it leaves")
		}
	})
}

// A transfer below the minimum rate ends when any other needs its memory, also when it was fast
// before, but not for as long as nobody does.
func TestSlowTransfersEndForOthers(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]int{"slow from the start": 0, "stalled": 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			b := admission.New(100)
			slow := begin(b.Connect(peerAt(1)), 100)
			slow.transfer.Moved(before)
			time.Sleep(time.Hour)
			if slow.interrupted.Load() {
				t.Errorf("%s: it was ended for nobody", name)
			}
			other := b.Connect(peerAt(1))
			_ = begin(other, 100) // measures the rate of a stalled one
			time.Sleep(10 * time.Second)
			if begin(other, 100) == nil && !slow.interrupted.Load() || slow.transfer.End() {
				t.Errorf("%s: it was not ended", name)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		conn := b.Connect(peerAt(1))
		young := begin(conn, 100)
		time.Sleep(500 * time.Millisecond)
		if begin(conn, 10) != nil || young.interrupted.Load() {
			t.Error("one within its first second was ended by its own connection")
		}
		for range 100 {
			time.Sleep(time.Second)
			young.transfer.Moved(200) // twice the minimum
			if begin(conn, 10) != nil || young.interrupted.Load() {
				t.Fatal("one with the minimum rate was ended by its own connection")
			}
		}
		if b.Refused() == 0 || !young.transfer.End() {
			t.Errorf("%d were refused", b.Refused())
		}
	})
}

// A message that waits for more than half of the budget holds up its own peer alone.
func TestWaitingForMuchHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		greedy, other := b.Connect(peerAt(1)), b.Connect(peerAt(2))
		running := admission.NewAccountOf(greedy, 1)
		if !running.TryAdd(30) {
			t.Fatal("no room")
		}
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan error, 1)
		go func() { waited <- admission.NewAccountOf(greedy, 1).Add(ctx, 90) }()
		synctest.Wait()
		if begin(other, 20) == nil || begin(greedy, 20) != nil {
			t.Errorf("%d are reserved", b.Used())
		}
		cancel()
		if err := <-waited; err == nil {
			t.Error("90 fit")
		}
		if begin(greedy, 20) == nil {
			t.Error("nobody waits, and there is no room")
		}
	})
}

// A stream that waits gets the memory of transfers that become slow.
func TestWaitersEndSlowTransfers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		slow := begin(b.Connect(peerAt(1)), 100)
		if err := admission.NewAccountOf(b.Connect(peerAt(1)), 1).Add(t.Context(), 60); err != nil || !slow.interrupted.Load() {
			t.Errorf("error %v", err)
		}
		if slow.transfer.End() || !slow.account.Revoked() || b.Used() != 60 {
			t.Errorf("%d are reserved", b.Used())
		}
	})
}

// A request that is ended and does not release its memory in time makes no room.
func TestMemoryThatIsNotReleasedIsNotGranted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100)
		stuck := &stuckUpload{account: admission.NewAccountOf(b.Connect(peerAt(1)), 1)}
		if !stuck.account.TryAdd(100) {
			t.Fatal("no room")
		}
		stuck.transfer.Begin(stuck.account, 100, stuck)
		other := b.Connect(peerAt(2))
		time.Sleep(2 * time.Second)
		if begin(other, 10) != nil || b.Used() != 100 || b.Refused() != 1 {
			t.Errorf("%d are reserved, %d refused", b.Used(), b.Refused())
		}
		stuck.account.Close()
		if begin(other, 100) == nil || b.Peak() > 100 {
			t.Error("there is no room afterwards")
		}
	})
}

type stuckUpload struct {
	account  *admission.Account
	transfer admission.Transfer
}

func (*stuckUpload) Interrupt() {}
