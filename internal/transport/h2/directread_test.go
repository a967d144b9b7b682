package h2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// Direct reads expect frames of one shape. Any other frames may arrive: each body still
// gets its own bytes.
func TestDirectReadsWithUnexpectedFrames(t *testing.T) {
	const size = 3 << 20
	message := pattern(size)
	got := make(chan error, 2)
	s := serve(t, false, h2.Options{}, func(_ http.ResponseWriter, r *http.Request) {
		var prefix [5]byte
		_, err := io.ReadFull(r.Body, prefix[:])
		body := make([]byte, size)
		_, failed := io.ReadFull(r.Body, body)
		if err = errors.Join(err, failed); err == nil && !bytes.Equal(body, message) {
			err = fmt.Errorf("%s: body differs", r.URL.Path)
		}
		if n, end := r.Body.Read(prefix[:]); n > 0 || !errors.Is(end, io.EOF) {
			err = errors.Join(err, fmt.Errorf("at the end: %d bytes, error %w", n, end))
		}
		got <- err
	})
	f := dialFrames(t, s)
	enveloped := append(binary.BigEndian.AppendUint32([]byte{0}, size), message...)
	rest := map[uint32][]byte{1: enveloped, 3: bytes.Clone(enveloped)}
	send := func(id uint32, n int) error {
		part := rest[id][:min(n, len(rest[id]))]
		rest[id] = rest[id][len(part):]
		return f.WriteData(id, len(rest[id]) == 0, part)
	}
	for turn := 0; len(rest[1]) > 0; turn++ {
		err := send(1, 16<<10)
		switch turn % 23 {
		case 9:
			err = errors.Join(err, f.WritePing(false, [8]byte{1}))
		case 14:
			err = errors.Join(err, send(1, 1+turn)) // a frame of another size
		case 15, 16:
			err = errors.Join(err, send(3, 16<<10)) // of another stream
		case 20:
			err = errors.Join(err, f.WriteWindowUpdate(0, 1), f.WriteDataPadded(1, false, nil, make([]byte, 100)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for len(rest[3]) > 0 {
		if err := send(3, 200<<10); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
}

// Nothing writes into the memory of a Read after its body was closed.
func TestCloseEndsDirectReads(t *testing.T) {
	closed, passed, checked := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := serve(t, false, h2.Options{}, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/3" { // everything sent earlier on the other stream has arrived
			_, _ = io.Copy(io.Discard, r.Body)
			close(passed)
			return
		}
		memory, begun, read := make([]byte, 8<<20), make(chan struct{}), make(chan error, 1)
		go func() {
			_, err := io.ReadFull(r.Body, memory[:1<<20])
			close(begun)
			for err == nil {
				_, err = r.Body.Read(memory)
			}
			read <- err
		}()
		<-begun
		err := r.Body.Close()
		clear(memory)
		close(closed)
		if failed := <-read; !errors.Is(failed, http.ErrBodyReadAfterClose) {
			err = errors.Join(err, failed)
		}
		<-passed
		if at := bytes.IndexByte(memory, 7); at >= 0 {
			err = errors.Join(err, fmt.Errorf("byte %d was written after Close", at))
		}
		checked <- err
	})
	f := dialFrames(t, s)
	chunk := bytes.Repeat([]byte{7}, 16<<10)
	err := f.WriteData(1, false, binary.BigEndian.AppendUint32([]byte{0}, 1<<30))
	for open := true; open && err == nil; {
		select {
		case <-closed:
			open = false
		default:
			err = f.WriteData(1, false, chunk)
		}
	}
	for range 100 {
		err = errors.Join(err, f.WriteData(1, false, chunk))
	}
	if err = errors.Join(err, f.WriteData(3, true, nil), <-checked); err != nil {
		t.Error(err)
	}
}

// dialFrames returns a connection to s with streams 1 and 3 open. It discards their
// responses.
func dialFrames(t *testing.T, s *site) *http2.Framer {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	go func() { _, _ = io.Copy(io.Discard, nc) }()
	f := http2.NewFramer(nc, nil)
	_, err = io.WriteString(nc, http2.ClientPreface)
	err = errors.Join(err, f.WriteSettings(), f.WriteSettingsAck())
	var block bytes.Buffer
	fields := hpack.NewEncoder(&block)
	for _, id := range []uint32{1, 3} {
		block.Reset()
		for i, all := 0, post(fmt.Sprint("/", id), "content-type", "application/grpc"); i < len(all); i += 2 {
			err = errors.Join(err, fields.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]}))
		}
		err = errors.Join(err, f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, BlockFragment: block.Bytes()}))
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}
