package h2_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// A write error closes the connection, and Close waits for a read in progress. The writer
// must not hold a lock that the reader goroutine needs.
func TestWriteErrorEndsConnection(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *failingConn, 1)
	srv := &http.Server{Handler: http.HandlerFunc(respondOK)}
	server := h2.Configure(srv, h2.Options{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(&failingListener{inner, accepted}) }()
	nc, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	f := http2.NewFramer(nc, nc)
	ours := <-accepted
	ours.closing = func() {
		ours.armed.Store(true)
		_ = http2.NewFramer(nc, nil).WriteRawFrame(0xbb, 0, 0, nil) // the test sees the read
		<-ours.waits
	}
	_, err = io.WriteString(nc, http2.ClientPreface)
	if err = errors.Join(err, f.WriteSettings(), f.WriteSettingsAck()); err != nil {
		t.Fatal(err)
	}
	for range 3 { // SETTINGS, WINDOW_UPDATE and the acknowledgment: nothing is left to write
		if _, err := f.ReadFrame(); err != nil {
			t.Fatal(err)
		}
	}
	ours.fails.Store(true)
	if err := f.WritePing(false, [8]byte{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := errors.Join(srv.Shutdown(ctx), server.Shutdown(ctx)); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

type failingListener struct {
	net.Listener
	accepted chan<- *failingConn
}

func (l *failingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &failingConn{TCPConn: nc.(*net.TCPConn), waits: make(chan struct{})}
	l.accepted <- c
	return c, nil
}

// failingConn is a connection whose writes fail once fails is set.
type failingConn struct {
	*net.TCPConn
	fails, armed, read atomic.Bool
	closing            func()
	close, wait        sync.Once
	// waits is closed when bytes sent after armed were read and the next read waits.
	waits chan struct{}
}

func (c *failingConn) Write(p []byte) (int, error) {
	if c.fails.Load() {
		return 0, errors.New("the peer is gone")
	}
	return c.TCPConn.Write(p)
}

func (c *failingConn) Close() error {
	c.close.Do(c.closing)
	return c.TCPConn.Close()
}

func (c *failingConn) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.TCPConn.SyscallConn()
	return &failingRaw{raw, c}, err
}

type failingRaw struct {
	syscall.RawConn
	c *failingConn
}

func (r *failingRaw) Read(do func(fd uintptr) bool) error {
	return r.RawConn.Read(func(fd uintptr) bool {
		if r.c.read.Load() {
			r.c.wait.Do(func() { close(r.c.waits) })
		}
		done := do(fd)
		if done && r.c.armed.Load() {
			r.c.read.Store(true)
		}
		return done
	})
}
