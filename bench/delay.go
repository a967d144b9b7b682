package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// delayLine is a TCP proxy that makes the way to a server long: what goes in at one end
// comes out at the other after a time, in both directions, however much it is.
type delayLine struct {
	listener net.Listener
	to       string
	oneWay   time.Duration
	lines    sync.WaitGroup
	stop     context.CancelFunc
}

// newDelayLine returns a running line to the server at base. close ends it.
func newDelayLine(ctx context.Context, base string, oneWay time.Duration) (*delayLine, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	d := &delayLine{listener: listener, to: strings.TrimPrefix(base, "http://"), oneWay: oneWay, stop: stop}
	d.lines.Go(func() { d.accept(ctx) })
	return d, nil
}

// base is the line's near end.
func (d *delayLine) base() string { return "http://" + d.listener.Addr().String() }

func (d *delayLine) close() error {
	d.stop()
	err := d.listener.Close()
	d.lines.Wait()
	return err
}

func (d *delayLine) accept(ctx context.Context) {
	for {
		near, err := d.listener.Accept()
		if err != nil {
			return // it was closed
		}
		d.lines.Go(func() { d.join(ctx, near) })
	}
}

// join carries bytes between near and a connection to the server until both directions
// have ended.
func (d *delayLine) join(ctx context.Context, near net.Conn) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(ctx, "tcp", d.to)
	if err != nil {
		return // near sees its connection closed
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })()
	var both sync.WaitGroup
	both.Go(func() { delayed(far, near, d.oneWay) })
	both.Go(func() { delayed(near, far, d.oneWay) })
	both.Wait()
}

// packet is what came at once, and when it is due at the other end.
type packet struct {
	data []byte
	due  time.Time
}

const (
	// packetBytes is the most that is read at once.
	packetBytes = 256 << 10
	// packetsUnderWay bounds what the line holds: far more than both ends' windows.
	packetsUnderWay = 4096
)

// delayed copies from one connection to another, each byte oneWay later. It ends when
// one of them does.
func delayed(to, from net.Conn, oneWay time.Duration) {
	line := make(chan packet, packetsUnderWay)
	var writing sync.WaitGroup
	writing.Go(func() {
		for p := range line {
			time.Sleep(time.Until(p.due)) // the delay is what this is for
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close() // so that the reader ends
			}
		}
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // the other end has gone already
		}
	})
	for {
		data := make([]byte, packetBytes)
		n, err := from.Read(data)
		if n > 0 {
			line <- packet{data[:n], time.Now().Add(oneWay)}
		}
		if errors.Is(err, io.EOF) || err != nil {
			break
		}
	}
	close(line)
	writing.Wait()
}
