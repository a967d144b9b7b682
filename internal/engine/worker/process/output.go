package process

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// MaxOutput is the length of Death.Output in bytes.
	MaxOutput = 8 << 10
	// maxLine is the length at which a line of output is truncated, in bytes.
	maxLine = 2 << 10
	// maxLines is the number of lines that are logged in a second.
	maxLines = 50
)

// output reads what a worker writes to standard output and error. It always reads, so that
// the worker never waits, and keeps and logs a bounded part.
type output struct {
	log *slog.Logger

	mu     sync.Mutex
	tail   []byte // the last bytes, up to 2 * MaxOutput
	signal string // the first signal that the Go runtime reported

	second  time.Time // the start of the second that lines counts
	lines   int       // lines since second
	dropped int       // lines that were not logged since the last report
}

// read reads until the worker's end closes or r has a deadline.
func (o *output) read(r io.Reader) {
	reader := bufio.NewReaderSize(r, maxLine)
	continued := false // the line has been logged up to maxLine bytes
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			o.add(line, continued, time.Now())
		}
		continued = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !continued {
			o.report()
			return
		}
	}
}

// reported matches what the Go runtime prints for a fault: "SIGSEGV: segmentation
// violation", and "[signal SIGSEGV: segmentation violation code=... addr=... pc=...]" for
// one in Go code.
var reported = regexp.MustCompile(`^(?:\[signal )?(SIG[A-Z]{2,6}): `)

// add keeps a line, or the next part of a long one, and logs it if the rate allows.
func (o *output) add(line []byte, continued bool, now time.Time) {
	o.mu.Lock()
	o.tail = append(o.tail, line...)
	if excess := len(o.tail) - MaxOutput; excess > MaxOutput {
		o.tail = append(o.tail[:0], o.tail[excess:]...)
	}
	if match := reported.FindSubmatch(line); match != nil && o.signal == "" && !continued {
		o.signal = string(match[1])
	}
	o.mu.Unlock()
	if text := bytes.TrimSpace(line); len(text) > 0 && !continued && o.allow(now) {
		o.log.Warn("output of a worker", "line", strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

// allow counts a line, and reports whether it is logged.
func (o *output) allow(now time.Time) bool {
	if now.Sub(o.second) >= time.Second {
		o.report()
		o.second, o.lines = now, 0
	}
	if o.lines == maxLines {
		o.dropped++
		return false
	}
	o.lines++
	return true
}

// report logs how many lines were dropped.
func (o *output) report() {
	if o.dropped > 0 {
		o.log.Warn("output of a worker was dropped: it writes more than is logged", "lines", o.dropped, "max_lines_per_second", maxLines)
		o.dropped = 0
	}
}

// text returns the last MaxOutput bytes, from the start of a line where lines are shorter.
func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail := o.tail
	if len(tail) > MaxOutput {
		tail = tail[len(tail)-MaxOutput:]
		if _, lines, ok := bytes.Cut(tail, []byte("\n")); ok {
			tail = lines
		}
	}
	return strings.ToValidUTF8(string(tail), "\uFFFD")
}

// reportedSignal returns the first signal that the Go runtime reported, or "".
func (o *output) reportedSignal() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.signal
}
