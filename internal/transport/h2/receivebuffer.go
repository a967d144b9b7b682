package h2

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// recvBufferSize is the size of a connection's receive buffer. Larger ones gained nothing;
// cache locality matters more.
const recvBufferSize = 64 << 10

// receiveBuffer reads a connection through one pooled buffer. It holds the buffer only
// while bytes are in it or expected: an idle connection holds none.
type receiveBuffer struct {
	nc net.Conn
	// raw gives access to the descriptor; nil if it cannot be read without blocking, as
	// with TLS.
	raw  syscall.RawConn
	buf  []byte
	r, w int
	// lent holds the empty buffer while the reader goroutine waits. It belongs to the one
	// that swaps it out: the reader goroutine, or reclaim.
	lent atomic.Pointer[[recvBufferSize]byte]
	// tryReadFunc is tryRead, bound once. err is the result of the latest tryRead, and idle
	// reports whether the connection needs no buffer.
	tryReadFunc func(fd uintptr) bool
	idle        func() bool
	err         error
	// first receives the next bytes of an idle connection whose reads block.
	first [frameHeaderSize]byte
}

func (in *receiveBuffer) init(nc net.Conn, idle func() bool) {
	in.nc, in.idle = nc, idle
	if sc, ok := nc.(syscall.Conn); ok && canReadNonblocking {
		if raw, err := sc.SyscallConn(); err == nil {
			in.raw = raw
			in.tryReadFunc = in.tryRead
		}
	}
}

// prepend sets the first bytes, which were read elsewhere.
func (in *receiveBuffer) prepend(ahead []byte) {
	if len(ahead) > 0 {
		in.buf = bufpool.Get(max(recvBufferSize, len(ahead)))
		in.w = copy(in.buf, ahead)
	}
}

func (in *receiveBuffer) buffered() int     { return in.w - in.r }
func (in *receiveBuffer) next(n int) []byte { return in.buf[in.r : in.r+n] }
func (in *receiveBuffer) discard(n int)     { in.r += n }
func (in *receiveBuffer) space() []byte     { return in.buf[in.w:] }

// lend offers an empty buffer to reclaim before the reader goroutine waits.
func (in *receiveBuffer) lend() {
	if in.w > 0 || cap(in.buf) != recvBufferSize {
		return
	}
	in.lent.Store((*[recvBufferSize]byte)(in.buf[:recvBufferSize]))
	in.buf = nil
	if in.idle() {
		in.reclaim()
	}
}

// reclaim returns the buffer of an idle, waiting connection to bufpool. It is safe to call
// from any goroutine.
func (in *receiveBuffer) reclaim() {
	if buf := in.lent.Swap(nil); buf != nil {
		bufpool.Put(buf[:])
	}
}

// acquire makes sure that there is a buffer.
func (in *receiveBuffer) acquire() {
	if in.buf != nil {
		return
	}
	if buf := in.lent.Swap(nil); buf != nil {
		in.buf = buf[:]
		return
	}
	in.buf = bufpool.Get(recvBufferSize)
}

// release returns the buffer to bufpool.
func (in *receiveBuffer) release() {
	if in.buf != nil {
		bufpool.Put(in.buf)
		in.buf = nil
	}
	in.reclaim()
	in.r, in.w = 0, 0
}

// fill reads at least one byte. While it waits, the buffer of an idle connection returns to
// bufpool: at once, or when the last stream ends. With blocking reads (TLS) the latter
// takes effect at the next frame, at the latest that of PING.
//
// read replaces tryRead unless it is nil. It may read into other memory.
func (in *receiveBuffer) fill(read func(fd uintptr) bool) error {
	if in.r == in.w {
		in.r, in.w = 0, 0
		if len(in.buf) > recvBufferSize {
			in.release() // it was sized by takePieces
		}
	} else if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	if in.raw == nil {
		return in.readBlocking()
	}
	if read == nil {
		read = in.tryReadFunc
	}
	in.err = nil
	if err := in.raw.Read(read); err != nil {
		return err
	}
	return in.err
}

// readBlocking reads with net.Conn's Read.
func (in *receiveBuffer) readBlocking() error {
	if in.w == 0 && in.idle() {
		in.release()
		n, err := in.nc.Read(in.first[:])
		if n == 0 {
			return errOr(err, io.ErrNoProgress)
		}
		in.prepend(in.first[:n])
		return nil
	}
	in.acquire()
	n, err := in.nc.Read(in.space())
	in.w += n
	if n == 0 {
		return errOr(err, io.ErrNoProgress)
	}
	return nil
}

func errOr(err, other error) error {
	if err == nil {
		return other
	}
	return err
}

// tryRead reads without blocking. It returns false if nothing is available.
func (in *receiveBuffer) tryRead(fd uintptr) bool {
	in.acquire()
	n, err := readNonblocking(fd, in.space())
	if errors.Is(err, errWouldBlock) {
		in.lend()
		return false
	}
	switch {
	case err != nil:
		in.err = os.NewSyscallError("read", err)
	case n == 0:
		in.err = io.EOF
	}
	in.w += max(n, 0)
	return true
}
