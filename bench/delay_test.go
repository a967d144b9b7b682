package main

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// What goes in comes out whole and in order, a round trip later, and an end of one
// direction leaves the other open.
func TestDelayLine(t *testing.T) {
	t.Parallel()
	const oneWay = 15 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.Copy(conn, conn)
			_ = conn.Close() // the client reads to the end
		}
		served <- err
	}()
	line, err := newDelayLine(t.Context(), "http://"+listener.Addr().String(), oneWay)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", line.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	sent := newPayload(3 << 20)
	start := time.Now()
	go func() {
		_, _ = conn.Write(sent)              // what is missing shows below
		_ = conn.(*net.TCPConn).CloseWrite() // it is TCP's
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d, the same: %v; %v", len(got), len(sent), bytes.Equal(got, sent), err)
	}
	if took := time.Since(start); took < 2*oneWay {
		t.Errorf("the way there and back took %v, less than twice %v", took, oneWay)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := line.close(); err != nil {
		t.Error(err)
	}
}
