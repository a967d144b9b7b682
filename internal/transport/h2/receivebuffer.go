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
const receiveSize = 64 << 10

// receiver reads a connection through one buffer. It has the buffer only while there
// is something in it, or likely to be: an idle connection holds none.
type receiver struct {
	nc net.Conn
	// raw is the connection's descriptor; nil where it cannot be read without waiting,
	// as with TLS.
	raw  syscall.RawConn
	buf  []byte
	r, w int
	// lent is the buffer while the reading goroutine waits and there is nothing in it:
	// whoever takes it has it.
	lent atomic.Pointer[[receiveSize]byte]
	// once is the function given to raw.Read, made once; idle and err are its argument
	// and result.
	once func(fd uintptr) bool
	idle func() bool
	err  error
	// first is what an idle connection without a descriptor is read into.
	first [frameHeaderSize]byte
}

func (in *receiver) init(nc net.Conn, idle func() bool) {
	in.nc, in.idle = nc, idle
	if sc, ok := nc.(syscall.Conn); ok && canReadNow {
		if raw, err := sc.SyscallConn(); err == nil {
			in.raw = raw
			in.once = in.readNow
		}
	}
}

// give puts what was read elsewhere in front.
func (in *receiver) give(ahead []byte) {
	if len(ahead) > 0 {
		in.buf = bufpool.Get(max(receiveSize, len(ahead)))
		in.w = copy(in.buf, ahead)
	}
}

func (in *receiver) buffered() int     { return in.w - in.r }
func (in *receiver) next(n int) []byte { return in.buf[in.r : in.r+n] }
func (in *receiver) discard(n int)     { in.r += n }
func (in *receiver) space() []byte     { return in.buf[in.w:] }

// lend leaves an empty buffer where reclaim finds it.
func (in *receiver) lend() {
	if in.w > 0 || cap(in.buf) != receiveSize {
		return
	}
	in.lent.Store((*[receiveSize]byte)(in.buf[:receiveSize]))
	in.buf = nil
	if in.idle() {
		in.reclaim()
	}
}

// reclaim gives the buffer of a connection back that has nothing to do, and waits. It
// may be called from any goroutine.
func (in *receiver) reclaim() {
	if buf := in.lent.Swap(nil); buf != nil {
		bufpool.Put(buf[:])
	}
}

// borrow sees that there is a buffer.
func (in *receiver) borrow() {
	if in.buf != nil {
		return
	}
	if buf := in.lent.Swap(nil); buf != nil {
		in.buf = buf[:]
		return
	}
	in.buf = bufpool.Get(receiveSize)
}

// release gives the buffer back.
func (in *receiver) release() {
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
func (in *receiver) fill(read func(fd uintptr) bool) error {
	if in.r == in.w {
		in.r, in.w = 0, 0
		if len(in.buf) > receiveSize {
			in.release() // it was for what came at once
		}
	} else if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	if in.raw == nil {
		return in.read()
	}
	if read == nil {
		read = in.once
	}
	in.err = nil
	if err := in.raw.Read(read); err != nil {
		return err
	}
	return in.err
}

// read waits for the network in Read, as net.Conn has it.
func (in *receiver) read() error {
	if in.w == 0 && in.idle() {
		in.release()
		n, err := in.nc.Read(in.first[:])
		if n == 0 {
			return errOr(err, io.ErrNoProgress)
		}
		in.give(in.first[:n])
		return nil
	}
	in.borrow()
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
func (in *receiver) readNow(fd uintptr) bool {
	in.borrow()
	n, err := readDescriptor(fd, in.space())
	if errors.Is(err, errNothingYet) {
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
