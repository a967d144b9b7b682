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
	MaxOutput = 4 << 10
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
	fault  []byte // the start of the Go runtime's report of a fault, up to MaxOutput
	signal string // the first signal in that report

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

// faultStart matches the first line of what the Go runtime prints for a panic, a fault, or a
// signal of native code, which is "SIGSEGV: segmentation violation".
var faultStart = regexp.MustCompile(`^(?:panic: |fatal error: |SIG[A-Z]{2,6}: )`)

// reported matches the line with the signal: the first, or for a fault in Go code
// "[signal SIGSEGV: segmentation violation code=... addr=... pc=...]".
var reported = regexp.MustCompile(`^(?:\[signal )?(SIG[A-Z]{2,6}): `)

// beforeFault is what is kept of the output before a fault, in bytes: C++ prints the
// exception that ends a program.
const beforeFault = 1 << 10

// add keeps a line, or the next part of a long one, and logs it if the rate allows. The
// report of a fault, which is long, is not logged here but is the Output of the Death.
func (o *output) add(line []byte, continued bool, now time.Time) {
	if o.keep(line, continued) || continued {
		return
	}
	if text := bytes.TrimSpace(line); len(text) > 0 && o.allow(now) {
		o.log.Warn("output of a worker", "line", strings.ToValidUTF8(string(text), "\uFFFD"))
	}
}

// keep keeps a line for text, and reports whether it belongs to the report of a fault.
func (o *output) keep(line []byte, continued bool) (fault bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.fault) == 0 && !continued && faultStart.Match(line) {
		o.fault = append(o.fault, lastBytes(o.tail, beforeFault)...)
		o.fault = append(o.fault, line...)
	} else if len(o.fault) > 0 {
		o.fault = append(o.fault, line[:min(len(line), max(0, MaxOutput-len(o.fault)))]...)
	}
	if match := reported.FindSubmatch(line); match != nil && len(o.fault) > 0 && o.signal == "" && !continued {
		o.signal = string(match[1])
	}
	o.tail = append(o.tail, line...)
	if excess := len(o.tail) - MaxOutput; excess > MaxOutput {
		o.tail = append(o.tail[:0], o.tail[excess:]...)
	}
	return len(o.fault) > 0
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

// text returns the report of a fault, else the end of the output: at most MaxOutput bytes
// before they are made valid UTF-8.
func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.fault) > 0 {
		return strings.ToValidUTF8(string(o.fault), "")
	}
	return strings.ToValidUTF8(string(lastBytes(o.tail, MaxOutput)), "")
}

// lastBytes returns at most n bytes from the end of text, from the start of a line where
// lines are shorter.
func lastBytes(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	text = text[len(text)-n:]
	if _, lines, ok := bytes.Cut(text, []byte("\n")); ok && len(lines) > 0 {
		return lines
	}
	return text
}

// reportedSignal returns the first signal that the Go runtime reported, or "".
func (o *output) reportedSignal() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.signal
}
