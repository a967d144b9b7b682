package h2

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// write writes one round: the frames in buf, then the vector.
func (c *conn) write(buf []byte) error {
	vector := c.send.vector
	if len(vector) > 0 {
		c.boundSendBuffer()
	}
	if c.tls != nil {
		return c.writeTLS(buf, vector)
	}
	if len(vector) > 0 {
		return c.writeVector(buf, vector)
	}
	for {
		if err := c.extendWriteDeadline(); err != nil {
			return err
		}
		n, err := c.nc.Write(buf)
		buf = buf[n:]
		if err == nil || c.writeFailed(int64(n), err) {
			return err
		}
	}
}

func (c *conn) writeVector(buf []byte, vector net.Buffers) error {
	if len(buf) > 0 {
		vector = append(net.Buffers{buf}, vector...)
	}
	for {
		if err := c.extendWriteDeadline(); err != nil {
			return err
		}
		if n, err := vector.WriteTo(c.nc); err == nil || c.writeFailed(n, err) {
			return err
		}
	}
}

// writeFailed reports whether a write that failed after n bytes is final. A timeout after
// enough progress for the half of it that a write has at least is not: the peer is slow, but reads.
func (c *conn) writeFailed(n int64, err error) bool {
	return n < int64(c.server.minProgress) || !errors.Is(err, os.ErrDeadlineExceeded) || c.expireWriteDeadline()
}

// maxTLSWrite bounds one Write to a TLS connection. A TLS write that its deadline
// interrupts makes the connection unusable, so none may take long.
const maxTLSWrite = 64 << 10

// writeTLS writes a round over TLS in large pieces, because each Write makes records of its
// own.
func (c *conn) writeTLS(buf []byte, vector net.Buffers) error {
	flat := bufpool.Get(maxTLSWrite)[:0]
	defer func() { bufpool.Put(flat) }()
	flush := func() error {
		if err := c.extendWriteDeadline(); err != nil {
			return err
		}
		_, err := c.nc.Write(flat)
		flat = flat[:0]
		return err
	}
	add := func(b []byte) error {
		for len(b) > 0 {
			n := min(len(b), maxTLSWrite-len(flat))
			flat = append(flat, b[:n]...)
			if b = b[n:]; len(flat) == maxTLSWrite {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := add(buf); err != nil {
		return err
	}
	for _, b := range vector {
		if err := add(b); err != nil {
			return err
		}
	}
	if len(flat) > 0 {
		return flush()
	}
	return nil
}

// extendWriteDeadline sets the write deadline if less than half of the timeout is left.
func (c *conn) extendWriteDeadline() error {
	now := time.Now()
	if c.send.deadline.Sub(now) >= c.server.options.WriteTimeout/2 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.send.deadlineFinal {
		return nil
	}
	c.send.deadline = now.Add(c.server.options.WriteTimeout)
	return c.nc.SetWriteDeadline(c.send.deadline)
}

// expireWriteDeadline makes the next write set a new deadline, and reports whether the
// current one is final.
func (c *conn) expireWriteDeadline() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send.deadline = time.Time{}
	return c.send.deadlineFinal
}
