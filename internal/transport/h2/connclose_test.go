package h2_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// A connection that the server closes while its peer still sends must not be reset, or the
// peer loses the end of its response.
func TestCloseDeliversTheLastResponse(t *testing.T) {
	for range 20 {
		s := serve(t, false, h2.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = w.Write(make([]byte, 60_000))
		})
		nc, err := net.DialTimeout("tcp", s.url[len("http://"):], 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		p := &peer{f: http2.NewFramer(nc, nc)}
		p.encoder = newEncoder(p)
		_, _ = io.WriteString(nc, http2.ClientPreface)
		if err := firstError(p.f.WriteSettings(), p.f.WriteSettingsAck(), p.request(1, true, get("/")...)); err != nil {
			t.Fatal(err)
		}
		got := 0
		for ended := false; !ended; {
			_ = p.f.WritePing(true, [8]byte([]byte("draining"))) // may be closed already
			frame, err := p.f.ReadFrame()
			if err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
			if data, ok := frame.(*http2.DataFrame); ok {
				got += len(data.Data())
				ended = data.StreamEnded()
			}
		}
		if got != 60_000 {
			t.Errorf("received %d bytes, want 60000", got)
		}
		nc.Close()
	}
}
