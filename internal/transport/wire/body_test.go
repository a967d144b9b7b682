package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// trickle gives a piece at a time, and checks how much is allocated.
type trickle struct {
	data  []byte
	piece int
	given int
	t     *testing.T
}

func (r *trickle) Read(p []byte) (int, error) {
	if room := r.given + len(p); room > max(trustedSize, trustRatio*r.given) {
		r.t.Errorf("%d bytes are allocated when %d have arrived", room, r.given)
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data[:min(len(r.data), r.piece)])
	r.data, r.given = r.data[n:], r.given+n
	return n, nil
}

// A declared length alone allocates little, for an RPC message and for a body.
func TestAllocationFollowsArrival(t *testing.T) {
	for _, n := range []int{1, 5000, trustedSize - 1, trustedSize, trustedSize + 1, 20_000_000, trustedSize*trustRatio + 1, 70 << 20} {
		data := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		buf, got, err := ReadMessage(&trickle{data, 100_000, 0, t}, 5, n)
		if err != nil || got != n || !bytes.Equal(buf, data) {
			t.Errorf("message of %d bytes: %d, %v", n, got, err)
		}
		buf, got, err = ReadBody(&trickle{data, 100_000, 0, t}, 5, int64(n), int64(n))
		if err != nil || got != n || !bytes.Equal(buf, data) {
			t.Errorf("body of %d bytes: %d, %v", n, got, err)
		}
		if _, got, err := ReadMessage(&trickle{data[:n/2], 100_000, 0, t}, 0, n); !errors.Is(err, io.EOF) || got != n/2 {
			t.Errorf("message of %d bytes that is cut: %d, %v", n, got, err)
		}
	}
	if _, _, err := ReadMessage(&trickle{nil, 1, 0, t}, 0, 1<<32-1); !errors.Is(err, io.EOF) {
		t.Errorf("a message that does not arrive: %v", err)
	}
}

// A body is what arrives, for any declared length.
func TestBodiesOfEveryLength(t *testing.T) {
	for _, n := range []int{0, 1, FirstStep - 1, FirstStep, FirstStep + 1, 300_000} {
		for _, declared := range []int64{-1, 0, int64(n) - 1, int64(n), int64(n) + 1, 200_000} {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"plain": func(r io.Reader) io.Reader { return r }, "with its end": iotest.DataErrReader, "in halves": iotest.HalfReader,
			} {
				data := bytes.Repeat([]byte("x"), n)
				buf, got, err := ReadBody(wrap(bytes.NewReader(data)), 3, declared, 400_000)
				if err != nil || got != n || !bytes.Equal(buf, data) {
					t.Errorf("%d bytes, %d declared, %s: %d, %v", n, declared, name, got, err)
				}
				buf, err = ReadBodyAfter(wrap(bytes.NewReader(data)), 11, declared, 400_000)
				if err != nil || !bytes.Equal(buf[11:], data) {
					t.Errorf("%d bytes after a head, %d declared, %s: %v", n, declared, name, err)
				}
				if n == 0 || declared >= int64(n) {
					continue
				}
				if _, _, err := ReadBody(wrap(bytes.NewReader(data)), 3, declared, int64(n)-1); !errors.Is(err, ErrMore) {
					t.Errorf("%d bytes, %d declared, %s: more than the limit is %v", n, declared, name, err)
				}
			}
		}
	}
	if _, got, err := ReadBody(iotest.ErrReader(io.ErrUnexpectedEOF), 0, -1, 10); !errors.Is(err, io.ErrUnexpectedEOF) || got != 0 {
		t.Errorf("a body that breaks: %v", err)
	}
}
