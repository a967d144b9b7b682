package telemetry

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// DefaultLogBuffer is the default of LogWriter: about 3,000 lines of the access log.
const DefaultLogBuffer = 1 << 20

// LogWriter writes lines in the background, so that a reader of the log that does not read,
// or is gone, blocks nobody. It holds the lines that are not written yet, up to a bound, and
// drops and counts the lines beyond. It is safe for concurrent use. NewLogWriter makes it.
type LogWriter struct {
	out   io.Writer
	limit int // of pending, in bytes

	mu      sync.Mutex
	pending []byte
	closed  bool
	// dropped is the number of lines since the start, and reported how many of them the log
	// has a line about.
	dropped, reported uint64
	notice            func(lines uint64)

	wake chan struct{} // has an element while pending may have lines, or closed is set
	done chan struct{} // closed when all is written after Close
}

// NewLogWriter returns a writer to out that holds up to limit bytes; 0: DefaultLogBuffer.
// The caller closes it. It does not close out.
func NewLogWriter(out io.Writer, limit int) *LogWriter {
	if limit == 0 {
		limit = DefaultLogBuffer
	}
	w := &LogWriter{out: out, limit: limit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write adds one or more whole lines. It does not block, and returns no error. It keeps no
// reference to lines.
func (w *LogWriter) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.pending)+len(lines) > w.limit {
		w.dropped += countLines(lines)
		return len(lines), nil
	}
	w.pending = append(w.pending, lines...)
	w.signal()
	return len(lines), nil
}

// Dropped returns the number of lines that were dropped.
func (w *LogWriter) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// OnDropped sets the function that writes a line about dropped lines, once there is room
// for it. It is called before the first Write.
func (w *LogWriter) OnDropped(notice func(lines uint64)) { w.notice = notice }

// Close writes the pending lines, and waits for that for the time timeout. Lines that come
// later are dropped. Where the reader does not read, a goroutine is left behind. It may be
// called more than once.
func (w *LogWriter) Close(timeout time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(timeout):
	}
}

func (w *LogWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes pending lines until Close.
func (w *LogWriter) run() {
	defer close(w.done)
	var lines []byte
	for flows := false; ; {
		var closed bool
		if lines, closed = w.take(lines); len(lines) == 0 {
			if closed {
				return
			}
			<-w.wake
			continue
		}
		if flows {
			w.reportDropped() // after the lines before the dropped ones
		}
		written, err := w.out.Write(lines)
		if flows = err == nil; flows {
			w.reportDropped()
		} else {
			w.drop(lines[written:])
		}
	}
}

// drop counts lines that were not written.
func (w *LogWriter) drop(lines []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped += countLines(lines)
}

// take returns the pending lines. The memory of written is used for the next ones.
func (w *LogWriter) take(written []byte) (lines []byte, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines = w.pending
	w.pending = written[:0]
	return lines, w.closed
}

// reportDropped adds a line about the lines that were dropped since the last report. It is
// called when the reader has read, and does nothing without room for the line.
func (w *LogWriter) reportDropped() {
	w.mu.Lock()
	var lines uint64
	if !w.closed && len(w.pending) <= w.limit/2 {
		lines = w.dropped - w.reported
		w.reported = w.dropped
	}
	w.mu.Unlock()
	if lines > 0 && w.notice != nil {
		w.notice(lines)
	}
}

func countLines(text []byte) uint64 {
	lines := bytes.Count(text, []byte{'\n'})
	if len(text) > 0 && text[len(text)-1] != '\n' {
		lines++
	}
	return uint64(lines)
}
