package server

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// endless is a body that always has another byte, until it is closed.
type endless struct{ closed atomic.Bool }

func (e *endless) Read(p []byte) (int, error) {
	if e.closed.Load() {
		return 0, io.EOF
	}
	return min(1, len(p)), nil
}

func (e *endless) Close() error {
	e.closed.Store(true)
	return nil
}

// The receiving goroutine of a stream can outlast its handler, for which the access log is
// written. The race detector fails this test if they share memory without synchronization.
func TestTheBodyIsReadWhileTheAccessLogIsWritten(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	begun, ended := make(chan struct{}), make(chan struct{})
	handler := recordAccess(Options{Logger: logger}.withDefaults())(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		go func() {
			defer close(ended)
			var p [1]byte
			_, err := r.Body.Read(p[:])
			close(begun)
			for err == nil {
				_, err = r.Body.Read(p[:])
			}
		}()
		<-begun
	}))
	body := &endless{}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/x.Y/Stream", body))
	_ = body.Close()
	<-ended
	if line := log.String(); !strings.Contains(line, "bytes_in=") || strings.Contains(line, "bytes_in=0 ") {
		t.Errorf("the log is %q", line)
	}
}
