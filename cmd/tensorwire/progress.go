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
	// barColumns leave room for the text in 80 columns, so that its length does not
	// move the bar's.
	barColumns = 26
	// rateWindow is the time over which the rate is taken: long enough to read, short
	// enough to show a stall.
	rateWindow = 5 * time.Second
)

// progress shows how far a download is: on a terminal in one line that is drawn anew,
// elsewhere in a line now and then. It is safe for concurrent use.
type progress struct {
	out io.Writer
	// width returns the terminal's columns; nil where out is none.
	width   func() int
	done    chan struct{}
	drawing sync.WaitGroup

	mu     sync.Mutex // guards out and what follows
	latest pull.Progress
	begun  bool
	// line says that an unfinished line is on the terminal.
	line    bool
	samples []sample
}

// sample is how many bytes there were at one time.
type sample struct {
	at    time.Time
	bytes int64
}

// newProgress shows on out what update is told, until stop.
func newProgress(out io.Writer, width func() int) *progress {
	p := &progress{out: out, width: width, done: make(chan struct{})}
	p.drawing.Go(p.draw)
	return p
}

// draw shows the state time and again, also while nothing arrives.
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
			p.show()
			p.mu.Unlock()
		case <-p.done:
			return
		}
	}
}

// update takes note of how far the download is.
func (p *progress) update(now pull.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Bytes < p.latest.Bytes {
		p.samples = nil // it has started over
	}
	p.latest, p.begun = now, true
	if len(p.samples) == 0 {
		p.sample()
	}
}

// notice shows a sentence, above the line.
func (p *progress) notice(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.line = false
	}
	fmt.Fprintln(p.out, text)
}

// stop shows the last state, and nothing after it.
func (p *progress) stop() {
	close(p.done)
	p.drawing.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show()
	if p.line {
		fmt.Fprintln(p.out)
		p.line = false
	}
}

// sample notes the bytes of this moment and drops what lies before the window, but
// for one.
func (p *progress) sample() {
	now := time.Now()
	p.samples = append(p.samples, sample{now, p.latest.Bytes})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateWindow {
		p.samples = p.samples[1:]
	}
}

// show writes the state.
func (p *progress) show() {
	if !p.begun {
		return
	}
	p.sample()
	text := p.text()
	if p.width == nil {
		fmt.Fprintln(p.out, strings.TrimSpace(text))
		return
	}
	columns := max(p.width()-1, 1) // in the last one some terminals wrap
	if total := p.latest.Total; total > 0 {
		text = bar(float64(p.latest.Bytes)/float64(total), min(columns-len(text)-2, barColumns)) + text
	}
	fmt.Fprintf(p.out, "\r%s\x1b[K", text[:min(len(text), columns)])
	p.line = true
}

// text says how much there is, how fast it comes and how long the rest takes.
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
	// What takes days is not worth a forecast.
	if seconds := float64(total-have) / rate; have < total && seconds < 48*3600 {
		left := time.Duration(seconds * float64(time.Second))
		text += fmt.Sprintf("  %v left", max(left.Round(time.Second), time.Second))
	}
	return text
}

// bar draws done, from 0 to 1, in that many columns; nothing where these are few.
func bar(done float64, columns int) string {
	inner := columns - 2
	if inner < 8 {
		return ""
	}
	filled := min(int(done*float64(inner)), inner)
	return "[" + strings.Repeat("=", filled) + strings.Repeat(" ", inner-filled) + "]  "
}

// amount writes bytes with three or four digits.
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
