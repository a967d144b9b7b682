package h2

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// receiveSize is the size of the buffer that a connection is read into. Larger ones
// brought nothing: it is the cache that counts.
const receiveSize = 64 << 10

// receiver reads a connection through one buffer. It has the buffer only while there
// is something in it, or likely to be: an idle connection holds none.
type receiver struct {
	nc   net.Conn
	raw  syscall.RawConn // nil where the connection has none, as with TLS
	buf  []byte
	r, w int
	// once is the function given to raw.Read, made once; idle, n and err are its
	// argument and results.
	once func(fd uintptr) bool
	idle func() bool
	n    int
	err  error
}

func (in *receiver) init(nc net.Conn) {
	in.nc = nc
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			in.raw = raw
			in.once = in.readFD
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
func (in *receiver) release()          { bufpool.Put(in.buf); in.buf = nil; in.r, in.w = 0, 0 }

// fill reads what there is, at least a byte. idle is asked when there is nothing:
// where it says yes, the buffer is given back until there is.
func (in *receiver) fill(idle func() bool) error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	} else if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	if in.raw == nil {
		if in.buf == nil {
			in.buf = bufpool.Get(receiveSize)
		}
		n, err := in.nc.Read(in.space())
		in.w += n
		if n > 0 {
			return nil
		}
		return err
	}
	in.idle, in.n, in.err = idle, 0, nil
	if err := in.raw.Read(in.once); err != nil {
		return err
	}
	in.w += in.n
	if in.err == nil && in.n == 0 {
		return io.EOF
	}
	return in.err
}

// readFD reads without waiting; false says that there is nothing yet.
func (in *receiver) readFD(fd uintptr) bool {
	if in.buf == nil {
		in.buf = bufpool.Get(receiveSize)
	}
	for {
		n, err := syscall.Read(int(fd), in.space())
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if in.w == 0 && in.idle() {
				in.release()
			}
			return false
		case err != nil:
			in.err = err
		default:
			in.n = n
		}
		return true
	}
}
