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

// receiveSize is the size of the buffer that a connection is read into. Larger ones
// brought nothing: it is the cache that counts.
const recvBufferSize = 64 << 10

// receiver reads a connection through one buffer. It has the buffer only while there
// is something in it, or likely to be: an idle connection holds none.
type receiveBuffer struct {
	nc net.Conn
	// raw is the connection's descriptor; nil where it cannot be read without waiting,
	// as with TLS.
	raw  syscall.RawConn
	buf  []byte
	r, w int
	// lent is the buffer while the reading goroutine waits and there is nothing in it:
	// whoever takes it has it.
	lent atomic.Pointer[[recvBufferSize]byte]
	// once is the function given to raw.Read, made once; idle and err are its argument
	// and result.
	tryReadFunc func(fd uintptr) bool
	idle        func() bool
	err         error
	// first is what an idle connection without a descriptor is read into.
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

// give puts what was read elsewhere in front.
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

// lend leaves an empty buffer where reclaim finds it.
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

// reclaim gives the buffer of a connection back that has nothing to do, and waits. It
// may be called from any goroutine.
func (in *receiveBuffer) reclaim() {
	if buf := in.lent.Swap(nil); buf != nil {
		bufpool.Put(buf[:])
	}
}

// borrow sees that there is a buffer.
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

// release gives the buffer back.
func (in *receiveBuffer) release() {
	if in.buf != nil {
		bufpool.Put(in.buf)
		in.buf = nil
	}
	in.reclaim()
	in.r, in.w = 0, 0
}

// fill reads what there is, at least a byte. Where there is nothing, the buffer of a
// connection that has nothing to do is given back until there is: at once, or when
// its last stream ends. Where Read is waited in, as with TLS, the latter is seen with
// the next frame, at the latest that of PING.
//
// read is called in place of readNow; nil: it is not. It may read elsewhere.
func (in *receiveBuffer) fill(read func(fd uintptr) bool) error {
	if in.r == in.w {
		in.r, in.w = 0, 0
		if len(in.buf) > recvBufferSize {
			in.release() // it was for what came at once
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

// read waits for the network in Read, as net.Conn has it.
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

// readNow reads without waiting; false says that there is nothing yet.
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
