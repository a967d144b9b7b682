package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// overWriter is a ResponseWriter that must not be used after its handler has returned, as
// net/http's: with HTTP/2 such a use ends the process.
type overWriter struct {
	*httptest.ResponseRecorder
	t    *testing.T
	over bool
}

func (w *overWriter) SetReadDeadline(time.Time) error {
	if w.over {
		w.t.Error("a deadline is set after the handler has returned")
	}
	return nil
}

// The handler of a stream may return while another goroutine reads the next message.
func TestNoDeadlineIsSetAfterTheHandler(t *testing.T) {
	for _, path := range []string{"/stream", "/unary"} {
		reader, writer := io.Pipe()
		r := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, path, reader)
		r.ProtoMajor = 2
		r.Header.Set("Content-Type", "application/grpc")
		w := &overWriter{httptest.NewRecorder(), t, false}
		returned, read := make(chan struct{}), make(chan error, 1)
		go func() {
			const size = pacedBytes
			_, _ = writer.Write([]byte{0, 0, size >> 16, 0, 0}) // the reader sees an error, too
			_, _ = writer.Write(make([]byte, size/2))
			<-returned
			_, _ = writer.Write(make([]byte, size-size/2))
			_ = writer.Close() // always nil
		}()
		limits := limitBodies(map[string]bool{"/stream": true}, Options{MaxMessageBytes: 1 << 20, TransferGrace: time.Minute, MinReadRate: 1, Budget: admission.New(0)})
		limits(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			first := make(chan struct{})
			go func() {
				if _, err := io.ReadFull(r.Body, make([]byte, envelope.PrefixSize+1)); err != nil {
					t.Error(err)
				}
				close(first)
				_, err := io.Copy(io.Discard, r.Body)
				read <- err
			}()
			<-first
		})).ServeHTTP(w, r)
		w.over = true
		close(returned)
		if err := <-read; err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
