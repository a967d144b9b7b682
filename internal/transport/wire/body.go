package wire

import (
	"errors"
	"io"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// trustedSize is how many bytes of a declared length are allocated before any byte
	// has arrived, and trustRatio how many times the bytes that have arrived after that.
	trustedSize = 1 << 20
	trustRatio  = 32
	// FirstStep is the first allocation, in bytes, for a body of unknown length.
	FirstStep = 64 << 10
)

// ErrMore reports a body longer than the limit.
var ErrMore = errors.New("body longer than the limit")

// initialSize returns the first allocation for a declared length of n bytes: n, or the
// largest of n/32, n/32/32 and so on that is trusted. The steps from there end at exactly n,
// and copy little.
func initialSize(n int) int {
	for n > trustedSize {
		n = (n + trustRatio - 1) / trustRatio
	}
	return n
}

// Get returns a pooled buffer of n bytes that begins lead bytes after an aligned address
// ([bufpool.Alignment]). The caller owns it. lead is less than the alignment.
func Get(lead, n int) []byte { return bufpool.Get(lead + n)[lead:] }

// Fill reads until buf is full, and returns how many bytes it read. An error that comes with
// the last bytes is left to the next Read, which returns it again.
func Fill(body io.Reader, buf []byte) (int, error) {
	for got := 0; ; {
		if got == len(buf) {
			return got, nil
		}
		n, err := body.Read(buf[got:])
		if got += n; got < len(buf) && err != nil {
			return got, err
		}
	}
}

// grow returns a pooled buffer of n bytes after the lead, which begins with the content of
// buf. It returns buf to the pool.
func grow(buf []byte, lead, n int) []byte {
	larger := Get(lead, n)
	copy(larger, buf)
	bufpool.Put(buf)
	return larger
}

// ReadMessage reads a message of n bytes into one pooled buffer, which the caller owns. The
// buffer begins lead bytes after an aligned address. With an error, got is how many bytes
// arrived, and there is no buffer.
func ReadMessage(body io.Reader, lead, n int) (buf []byte, got int, err error) {
	buf = Get(lead, initialSize(n))
	for {
		more, err := Fill(body, buf[got:])
		got += more
		switch {
		case err != nil:
			bufpool.Put(buf)
			return nil, got, err
		case got == n:
			return buf, got, nil
		}
		buf = grow(buf, lead, min(n, got*trustRatio))
	}
}

// ReadBody reads a body to its end into one pooled buffer, which the caller owns. The buffer
// begins lead bytes after an aligned address. declared is the body's declared length, or
// UnknownSize; where it is right, the buffer has exactly that length. Of a body longer than
// limit it reads no more than it needs to detect that, and returns ErrMore. With an error,
// got is how many bytes arrived, and there is no buffer.
func ReadBody(body io.Reader, lead int, declared, limit int64) (buf []byte, got int, err error) {
	return readBody(body, lead, 0, declared, limit)
}

// ReadBodyAfter is ReadBody into a buffer that is aligned and begins with head bytes for the
// caller, before the content.
func ReadBodyAfter(body io.Reader, head int, declared, limit int64) (buf []byte, err error) {
	buf, _, err = readBody(body, 0, head, declared, limit)
	return buf, err
}

func readBody(body io.Reader, lead, head int, declared, limit int64) (buf []byte, got int, err error) {
	if declared > limit {
		// A body that reserves memory rejects the Read, and drops what the client still sends.
		var one [1]byte
		_, _ = body.Read(one[:])
		return nil, 0, ErrMore
	}
	size := min(FirstStep, int(limit)+1)
	if declared >= 0 {
		size = initialSize(int(declared))
	}
	buf = Get(lead, head+size)
	for err == nil {
		switch {
		case head+got < len(buf):
			var n int
			n, err = body.Read(buf[head+got:])
			got += n
		case int64(got) < declared:
			buf = grow(buf, lead, head+min(int(declared), got*trustRatio))
		default:
			// The end must follow. Nothing is allocated until another byte arrives.
			var one [1]byte
			var n int
			if n, err = body.Read(one[:]); n > 0 {
				buf = grow(buf, lead, head+min(max(FirstStep, 2*got), int(limit)+1))
				buf[head+got] = one[0]
				got++
			}
		}
		if int64(got) > limit {
			err = ErrMore
		}
	}
	if errors.Is(err, io.EOF) {
		return buf[:head+got], got, nil
	}
	bufpool.Put(buf)
	return nil, got, err
}

// Discard reads up to n bytes of a body and drops them. A client of HTTP/1.1 reads no
// response while it sends, and loses the response when the connection closes under it. It
// returns how many bytes it read.
func Discard(body io.Reader, n int64) int64 {
	discarded, _ := io.CopyN(io.Discard, body, n) // a body that ends early is discarded
	return discarded
}
