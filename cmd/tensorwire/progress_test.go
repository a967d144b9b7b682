package main

import (
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

// downloading adds 10 MB of 100 MB each second for that long, between the moments at
// which progress draws.
func downloading(p *progress, had int64, seconds int) {
	for i := range seconds * 10 {
		<-time.After(50 * time.Millisecond)
		p.update(pull.Progress{Bytes: had + int64(i+1)*1_000_000, Total: 100_000_000})
		<-time.After(50 * time.Millisecond)
	}
}

var tenMegabytes = regexp.MustCompile(`  (9\.[5-9]|10\.[0-5]) MB/s  [45]s left$`)

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		var width atomic.Int64
		width.Store(80)
		p := newProgress(&out, func() int { return int(width.Load()) })
		downloading(p, 40_000_000, 2)
		p.notice("the connection was cut")
		<-time.After(10 * time.Second) // a stall
		width.Store(30)
		downloading(p, 60_000_000, 4)
		p.stop()
		// Each line begins at the left and clears the one before.
		lines := strings.Split(out.String(), "\r")[1:]
		last := lines[len(lines)-1]
		var sawRate, sawStall bool
		for i, line := range lines {
			text, _, _ := strings.Cut(line, "\x1b[K")
			most := 79
			if i == len(lines)-1 {
				most = 29
			}
			if len(text) > most {
				t.Errorf("a line of %d columns: %q", len(text), text)
			}
			sawRate = sawRate || (strings.HasPrefix(text, "[=") && tenMegabytes.MatchString(text))
			sawStall = sawStall || strings.HasSuffix(text, "60 %  60.0 MB of 100.0 MB  0 B/s")
		}
		if !sawRate || !sawStall {
			t.Errorf("no rate, or no stall in %q", lines)
		}
		if last != "100 %  100.0 MB of 100.0 MB  \x1b[K\n" {
			t.Errorf("the last line is %q", last)
		}
		if !strings.Contains(out.String(), "\r\x1b[Kthe connection was cut\n") {
			t.Errorf("the notice is not on a line of its own: %q", out.String())
		}
	})
}

func TestProgressElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		p := newProgress(&out, nil)
		<-time.After(62 * time.Second) // no response yet: no output
		downloading(p, 0, 9)
		p.stop()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if strings.ContainsAny(out.String(), "\r\x1b[") || len(lines) != 3 {
			t.Errorf("lines %q", lines)
		}
		if !strings.HasPrefix(lines[0], "30 %  30.0 MB of 100.0 MB") || !strings.HasSuffix(lines[0], "7s left") {
			t.Errorf("the first line is %q", lines[0])
		}
		if !strings.HasPrefix(lines[len(lines)-1], "90 %  90.0 MB of 100.0 MB") {
			t.Errorf("the last line is %q", lines[len(lines)-1])
		}
	})
}

func TestProgressWithoutATotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		p := newProgress(&out, func() int { return 80 })
		p.update(pull.Progress{Bytes: 12_345, Total: -1})
		p.stop()
		if got := out.String(); got != "\r12.3 kB  0 B/s\x1b[K\n" {
			t.Errorf("drawn %q", got)
		}
	})
}
