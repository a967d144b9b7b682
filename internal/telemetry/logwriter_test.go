package telemetry_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// reader is the reader of a log: it takes lines while it is open, and fails after err is set.
type reader struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
	// stalled, where it is set, delays each write until it is closed.
	stalled chan struct{}
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	stalled := r.stalled
	r.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	return r.text.Write(p)
}

func (r *reader) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// newLog returns a writer to r of at most 100 bytes, which reports dropped lines in itself.
func newLog(r *reader) *telemetry.LogWriter {
	w := telemetry.NewLogWriter(r, 100)
	w.OnDropped(func(lines uint64) { fmt.Fprintf(w, "%d dropped\n", lines) })
	return w
}

func TestLogWriterWritesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{}
		w := newLog(r)
		var want strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&want, "line %d\n", i)
			fmt.Fprintf(w, "line %d\n", i)
			synctest.Wait()
		}
		w.Close(time.Second)
		if r.String() != want.String() || w.Dropped() != 0 {
			t.Errorf("%d dropped, the log is %s", w.Dropped(), r)
		}
		fmt.Fprintln(w, "after Close")
		if w.Dropped() != 1 || r.String() != want.String() {
			t.Errorf("after Close: %d dropped, the log is %s", w.Dropped(), r)
		}
		w.Close(time.Second)
	})
}

// A reader that does not read blocks no write. When it reads again, the log has the oldest
// lines, the number of the lines that were dropped, and the newest lines.
func TestLogWriterDropsAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{stalled: make(chan struct{})}
		w := newLog(r)
		fmt.Fprintln(w, "first") // in the write that does not return
		synctest.Wait()
		for i := range 50 {
			fmt.Fprintf(w, "line %3d.\n", i) // 10 bytes
		}
		if w.Dropped() != 40 {
			t.Errorf("%d of 50 lines are dropped, and 10 have room", w.Dropped())
		}
		close(r.stalled)
		synctest.Wait()
		fmt.Fprintln(w, "last")
		w.Close(time.Second)
		want := "first\n"
		for i := range 10 {
			want += fmt.Sprintf("line %3d.\n", i)
		}
		if want += "40 dropped\nlast\n"; r.String() != want {
			t.Errorf("the log is\n%swant\n%s", r, want)
		}
	})
}

// The lines that a reader did not get because it is gone are dropped, and reported when there
// is a reader again.
func TestLogWriterCountsFailedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{err: errors.New("broken pipe")}
		w := newLog(r)
		for range 3 {
			fmt.Fprint(w, "one\ntwo\n")
			synctest.Wait()
		}
		if w.Dropped() != 6 {
			t.Errorf("%d dropped", w.Dropped())
		}
		r.fail(nil)
		fmt.Fprintln(w, "again")
		synctest.Wait()
		w.Close(time.Second)
		if r.String() != "again\n6 dropped\n" {
			t.Errorf("the log is %s", r)
		}
	})
}

// Close waits for the reader, but not forever.
func TestLogWriterCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{stalled: make(chan struct{})}
		w := newLog(r)
		fmt.Fprintln(w, "first")
		start := time.Now()
		w.Close(time.Minute)
		if time.Since(start) != time.Minute {
			t.Errorf("Close waited %v", time.Since(start))
		}
		close(r.stalled)
		w.Close(time.Minute)
		if r.String() != "first\n" {
			t.Errorf("the log is %s", r)
		}
	})
}
