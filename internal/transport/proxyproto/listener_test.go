package proxyproto_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/transport/proxyproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listenFor(t *testing.T, trusted string) *proxyproto.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := proxyproto.NewListener(inner, []netip.Prefix{netip.MustParsePrefix(trusted)}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// send connects and sends text. The connection ends with the test.
func send(t *testing.T, l net.Listener, text string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if _, err := io.WriteString(nc, text); err != nil {
		t.Fatal(err)
	}
	return nc
}

func TestOnlyTrustedProxiesReportTheirClient(t *testing.T) {
	const header = "PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n"
	for trusted, want := range map[string]struct{ address, text string }{
		"127.0.0.0/8": {"192.0.2.7:1234", "hello"},
		"10.0.0.0/8":  {"", header + "hello"},
	} {
		l := listenFor(t, trusted)
		sent := send(t, l, header+"hello")
		if want.address == "" {
			want.address = sent.LocalAddr().String()
		}
		nc, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want.text))
		if _, err := io.ReadFull(nc, got); err != nil || string(got) != want.text || nc.RemoteAddr().String() != want.address {
			t.Errorf("%s: %q of %s, %v", trusted, got, nc.RemoteAddr(), err)
		}
		_ = nc.Close()
	}
}

// A proxy that sends no header is closed, and one that is slow delays no other.
func TestSlowAndWrongHeadersDelayNobody(t *testing.T) {
	l := listenFor(t, "127.0.0.0/8")
	send(t, l, "PROXY TCP4 ")
	wrong := send(t, l, "GET / HTTP/1.1\r\n\r\n")
	send(t, l, "PROXY UNKNOWN\r\nx")
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, proxied := nc.(*proxyproto.Conn); proxied {
		t.Error("UNKNOWN has an address")
	}
	if n, err := wrong.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a wrong header is answered: %d, %v", n, err)
	}
}

func TestCloseEndsAccept(t *testing.T) {
	l := listenFor(t, "127.0.0.0/8")
	slow := send(t, l, "PROXY ")
	accepted := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	_, _ = slow.Read(make([]byte, 1)) // ends: the listener has closed it
}

// pipes is a listener of connections in memory, at the address of a Unix socket.
type pipes struct{ conns chan net.Conn }

type unixPipe struct{ net.Conn }

func (unixPipe) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

func (p pipes) Accept() (net.Conn, error) {
	nc, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return unixPipe{nc}, nil
}
func (p pipes) Close() error   { close(p.conns); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

func TestTheHeaderHasATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := pipes{make(chan net.Conn, 1)}
		l := proxyproto.NewListener(inner, nil, slog.New(slog.DiscardHandler))
		go func() { _, _ = l.Accept() }() // ends when the listener is closed
		proxy, server := net.Pipe()
		inner.conns <- server
		if _, err := io.WriteString(proxy, "PROXY TCP4 "); err == nil {
			_, err = io.WriteString(proxy, "1") // within the twelve bytes that are read at once
			if err != nil {
				t.Error(err)
			}
		}
		begin := time.Now()
		if _, err := proxy.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("closed after %v", took)
		}
		_ = l.Close()
	})
}
