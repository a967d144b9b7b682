package control

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// MaxFrame is the maximum length of a frame in bytes. The longest messages are profiles.
const MaxFrame = 64 << 20

// ErrFrame reports a frame that the other side never writes: it is too long, or is not
// the message that is expected.
var ErrFrame = errors.New("bad frame on the control socket")

// writeTimeout bounds the write of a frame. It is only reached when the other process does
// not read: it is stopped or stuck.
const writeTimeout = 30 * time.Second

// Conn reads and writes frames on a socket. Write is safe for concurrent use, Read is for
// one goroutine.
type Conn struct {
	file   *os.File
	reader *bufio.Reader
	mu     sync.Mutex // held while a frame is written
}

// NewConn returns a Conn on a stream socket in non-blocking mode, and owns it.
func NewConn(file *os.File) *Conn {
	return &Conn{file: file, reader: bufio.NewReader(file)}
}

// Write writes a message. After an error the stream is unusable.
func (c *Conn) Write(message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(text) > MaxFrame {
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrFrame, len(text), MaxFrame)
	}
	frame := append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text))), text...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.file.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = c.file.Write(frame)
	return err
}

// Read reads a message into a pointer. It is io.EOF when the other side has closed the
// socket between two frames, and an ErrFrame when the frame is not such a message.
func (c *Conn) Read(message any) error {
	var prefix [4]byte
	if _, err := io.ReadFull(c.reader, prefix[:]); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(prefix[:])
	if size > MaxFrame {
		return fmt.Errorf("%w: it declares %d bytes, at most %d are allowed", ErrFrame, size, MaxFrame)
	}
	// The buffer grows as bytes arrive: a length alone allocates nothing.
	var text bytes.Buffer
	if _, err := io.CopyN(&text, c.reader, int64(size)); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if err := json.Unmarshal(text.Bytes(), message); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}

// SetReadDeadline makes Read fail with os.ErrDeadlineExceeded at a time; the zero time
// removes the deadline.
func (c *Conn) SetReadDeadline(at time.Time) error { return c.file.SetReadDeadline(at) }

// Close closes the socket, which ends Read and Write.
func (c *Conn) Close() error { return c.file.Close() }
