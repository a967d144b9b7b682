//go:build linux

package channel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
)

const (
	defaultMaxOutputBytes = 1 << 30
	defaultIdleTime       = 10 * time.Second
)

// Server is the server's end of a channel. It is safe for concurrent use.
type Server struct {
	options  Options
	control  *shm.Segment
	segments *shm.Pool
	socket   *os.File
	files    []*os.File // for the worker
	slots    []slot
	// tokens has an element for each slot in use: it bounds them and makes Run wait. Fail
	// takes all of them and returns none.
	tokens chan struct{}
	// sessions has a *history for each session.
	sessions sync.Map
	// announced has the IDs of the segments of Options.Inputs that the worker has.
	announced  sync.Map
	announcing sync.Mutex // held while one is sent
	// unwatch ends the calls of forgetInput.
	unwatch func()
	running atomic.Int64

	breakOnce, failOnce sync.Once
	// failed is closed after err was set.
	failed chan struct{}
	err    error

	mu   sync.Mutex // guards idle
	idle []*slot    // the slot used last at the end: its thread's caches are warm
}

// slot is the server's side of a slot. Only its owner, a call, uses it.
type slot struct {
	slotMemory
	index  int
	number uint32 // of the last request
	// pipe is the read end of the pipe that wakes the call that waits for the slot's answer. It is nil
	// until the slot is used for the first time. Fail reads it too.
	pipe atomic.Pointer[os.File]
}

// Listen creates a channel for at most slots concurrent runs, from 1 to MaxSlots. A slot
// that was never used costs no memory and no thread. The caller ends the channel with Fail.
func Listen(slots int, o Options) (*Server, error) {
	if slots < 1 || slots > MaxSlots {
		return nil, fmt.Errorf("a channel has from 1 to %d slots, found %d", MaxSlots, slots)
	}
	o.MaxOutputBytes = cmp.Or(o.MaxOutputBytes, defaultMaxOutputBytes)
	o.IdleTime = cmp.Or(o.IdleTime, defaultIdleTime)
	control, err := shm.Create(controlSize(slots), shm.Writable)
	if err != nil {
		return nil, err
	}
	m, n := header(control.Bytes())
	n.Store(uint32(slots))
	m.Store(magic)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("socketpair", err), control.Unmap())
	}
	s := &Server{
		options: o,
		control: control,
		socket:  os.NewFile(uintptr(pair[0]), "tensorwire-channel"),
		files:   []*os.File{control.File(), os.NewFile(uintptr(pair[1]), "tensorwire-channel")},
		slots:   make([]slot, slots),
		tokens:  make(chan struct{}, slots),
		failed:  make(chan struct{}),
		idle:    make([]*slot, slots),
	}
	s.segments = shm.NewPool(o.MaxSharedBytes, o.IdleTime, s.drop)
	for i := range s.slots {
		s.slots[i].slotMemory, s.slots[i].index = slotAt(control.Bytes(), i), i
		s.idle[slots-1-i] = &s.slots[i]
	}
	s.unwatch = func() {}
	if o.Inputs != nil {
		s.unwatch = o.Inputs.segments.Watch(s.forgetInput)
	}
	return s, nil
}

// Files returns the descriptors that the worker passes to Attach, in this order. The
// caller passes them to the process, then closes them. Their number is constant.
func (s *Server) Files() []*os.File { return s.files }

// Running returns the number of occupied slots. Those of runs whose context is done count
// until the worker answered.
func (s *Server) Running() int { return int(s.running.Load()) }

// SharedBytes returns the size of the channel's shared memory for tensors.
func (s *Server) SharedBytes() int64 {
	_, bytes := s.segments.Usage()
	return bytes
}

// Forget frees what the channel remembers of a session that the worker has closed.
func (s *Server) Forget(session uint64) { s.sessions.Delete(session) }

// acquire waits for a free slot.
func (s *Server) acquire(ctx context.Context) (*slot, error) {
	select {
	case s.tokens <- struct{}{}:
	default:
		select {
		case s.tokens <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.failed:
			return nil, s.err
		}
	}
	if s.hasFailed() {
		<-s.tokens
		return nil, s.err
	}
	s.running.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.idle) - 1
	sl := s.idle[last]
	s.idle = s.idle[:last]
	return sl, nil
}

// release returns a slot whose last request the worker answered, or whose worker is dead.
func (s *Server) release(sl *slot) {
	s.mu.Lock()
	s.idle = append(s.idle, sl)
	s.mu.Unlock()
	s.running.Add(-1)
	<-s.tokens
}

// history is what the channel remembers of a session: its limit, and what saves wake-ups.
type history struct {
	maxOutputs  atomic.Int64 // LimitOutputs; 0: Options.MaxOutputBytes
	long        atomic.Bool  // the last run was long (see longRun)
	outputBytes atomic.Int64 // expected size of the next run's outputs in the segment
}

// observe takes the size of a run's outputs into account. A larger size counts at once,
// and smaller ones bit by bit: sizes that alternate do not cost a hop each time, and the
// memory of an unusually large run falls back.
func (h *history) observe(used int64) {
	expected := h.outputBytes.Load()
	if used == expected {
		return
	}
	if used < expected {
		if used += (expected - used) * 7 / 8; used < minSegmentBytes {
			used = 0
		}
	}
	h.outputBytes.Store(used)
}

// LimitOutputs bounds the outputs of each run of a session, in bytes, instead of
// Options.MaxOutputBytes. 0 is the latter.
func (s *Server) LimitOutputs(session uint64, bytes int64) {
	s.history(session).maxOutputs.Store(bytes)
}

func (s *Server) history(session uint64) *history {
	if h, ok := s.sessions.Load(session); ok {
		return h.(*history)
	}
	h, _ := s.sessions.LoadOrStore(session, &history{})
	return h.(*history)
}
