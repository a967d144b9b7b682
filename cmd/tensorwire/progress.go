package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

const (
	redrawInterval = 200 * time.Millisecond
	lineInterval   = 5 * time.Second
	// barColumns is the width of the bar, which leaves room for the text in 80 columns:
	// the length of the text does not change it.
	barColumns = 26
	// rateWindow is the window of the rate: long enough to read, short enough to show a
	// stall.
	rateWindow = 5 * time.Second
)

// progress displays the progress of a download: on a terminal in one line that it
// redraws, elsewhere in a line every few seconds. It is safe for concurrent use.
type progress struct {
	out io.Writer
	// width returns the columns of the terminal; nil where out is not a terminal.
	width   func() int
	done    chan struct{}
	drawing sync.WaitGroup

	mu     sync.Mutex // guards out and the fields below
	latest pull.Progress
	begun  bool
	// line reports whether an unfinished line is on the terminal.
	line    bool
	samples []sample
}

// sample is the number of bytes at one time.
type sample struct {
	at    time.Time
	bytes int64
}

// newProgress returns a progress that writes to out until stop. width is nil where out is
// not a terminal.
func newProgress(out io.Writer, width func() int) *progress {
	p := &progress{out: out, width: width, done: make(chan struct{})}
	p.drawing.Go(p.draw)
	return p
}

// draw shows the state periodically, also during a stall.
func (p *progress) draw() {
	interval := lineInterval
	if p.width != nil {
		interval = redrawInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			p.showLocked()
			p.mu.Unlock()
		case <-p.done:
			return
		}
	}
}

// update records the progress of the download.
func (p *progress) update(now pull.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Bytes < p.latest.Bytes {
		p.samples = nil // the download has restarted
	}
	p.latest, p.begun = now, true
	if len(p.samples) == 0 {
		p.sampleLocked()
	}
}

// notice prints a sentence above the line.
func (p *progress) notice(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.line = false
	}
	fmt.Fprintln(p.out, text)
}

// stop shows the last state and ends the output.
func (p *progress) stop() {
	close(p.done)
	p.drawing.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.showLocked()
	if p.line {
		fmt.Fprintln(p.out)
		p.line = false
	}
}

// sampleLocked records the present bytes, and drops all but one of the samples before the
// window.
func (p *progress) sampleLocked() {
	now := time.Now()
	p.samples = append(p.samples, sample{now, p.latest.Bytes})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateWindow {
		p.samples = p.samples[1:]
	}
}

// showLocked writes the state.
func (p *progress) showLocked() {
	if !p.begun {
		return
	}
	p.sampleLocked()
	text := p.text()
	if p.width == nil {
		fmt.Fprintln(p.out, strings.TrimSpace(text))
		return
	}
	columns := max(p.width()-1, 1) // some terminals wrap in the last column
	if total := p.latest.Total; total > 0 {
		text = bar(float64(p.latest.Bytes)/float64(total), min(columns-len(text)-2, barColumns)) + text
	}
	fmt.Fprintf(p.out, "\r%s\x1b[K", text[:min(len(text), columns)])
	p.line = true
}

// text returns the bytes so far, the rate and the remaining time.
func (p *progress) text() string {
	have, total := p.latest.Bytes, p.latest.Total
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	rate := 0.0
	if span := last.at.Sub(first.at).Seconds(); span > 0 {
		rate = float64(last.bytes-first.bytes) / span
	}
	text := amount(float64(have))
	if total > 0 {
		text = fmt.Sprintf("%3d %%  %s of %s", have*100/total, text, amount(float64(total)))
	}
	text += "  " + amount(rate) + "/s"
	// A forecast of days is of no use.
	if seconds := float64(total-have) / rate; have < total && seconds < 48*3600 {
		left := time.Duration(seconds * float64(time.Second))
		text += fmt.Sprintf("  %v left", max(left.Round(time.Second), time.Second))
	}
	return text
}

// bar returns a bar for done, from 0 to 1, in that many columns; empty below 10.
func bar(done float64, columns int) string {
	inner := columns - 2
	if inner < 8 {
		return ""
	}
	filled := min(int(done*float64(inner)), inner)
	return "[" + strings.Repeat("=", filled) + strings.Repeat(" ", inner-filled) + "]  "
}

// amount formats bytes with three or four digits.
func amount(bytes float64) string {
	for _, unit := range []string{"B", "kB", "MB"} {
		if bytes < 999.5 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", bytes)
			}
			return fmt.Sprintf("%.1f %s", bytes, unit)
		}
		bytes /= 1000
	}
	return fmt.Sprintf("%.1f GB", bytes)
}
