package process

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutputKeepsTheEnd(t *testing.T) {
	o := &output{log: slog.New(slog.DiscardHandler)}
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "line %d of a worker\n", i)
	}
	text.WriteString("\xff end")
	o.read(strings.NewReader(text.String()))
	got := o.text()
	if len(got) > MaxOutput || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 999 of a worker\n end") {
		t.Errorf("%d bytes: %.40q ... %q", len(got), got, got[len(got)-40:])
	}
}

// A long line is logged once, up to its limit, and kept as far as it fits.
func TestOutputOfLongLines(t *testing.T) {
	var log bytes.Buffer
	o := &output{log: slog.New(slog.NewTextHandler(&log, nil))}
	o.read(strings.NewReader(strings.Repeat("x", 100_000) + "\nnext\n"))
	if lines := strings.Count(log.String(), "\n"); lines != 2 || log.Len() > 2*maxLine || !strings.Contains(log.String(), "next") {
		t.Errorf("%d lines, %d bytes", lines, log.Len())
	}
	if got := o.text(); len(got) > MaxOutput || !strings.HasSuffix(got, "next\n") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestOutputIsRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := &output{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 3 {
			for range maxLines + 7 {
				o.add([]byte("line\n"), false, time.Now())
			}
			time.Sleep(time.Second)
		}
		o.report()
		text := log.String()
		if strings.Count(text, "line=line") != 3*maxLines || strings.Count(text, "dropped") != 3 || strings.Count(text, "lines=7") != 3 {
			t.Errorf("%s", text)
		}
	})
}

// The report of a fault is kept from its start, with what precedes it, and is not logged.
func TestFaultsAreKeptFromTheStart(t *testing.T) {
	var log bytes.Buffer
	o := &output{log: slog.New(slog.NewTextHandler(&log, nil))}
	report := "SIGABRT: abort\n" + strings.Repeat("goroutine 1 [running]\n", 2000)
	o.read(strings.NewReader(strings.Repeat("a warning\n", 500) + "terminate called after throwing an instance of 'E'\n" + report))
	got := o.text()
	at := strings.Index(got, "SIGABRT: abort\ngoroutine 1")
	if len(got) > MaxOutput || at < 0 || at > beforeFault || !strings.Contains(got[:at], "an instance of 'E'\n") {
		t.Errorf("%d bytes: %.300q", len(got), got)
	}
	if strings.Contains(log.String(), "goroutine") {
		t.Errorf("the log is %s", &log)
	}
}

func TestReportedSignals(t *testing.T) {
	for text, want := range map[string]string{
		"SIGFPE: floating-point exception\nPC=0x1 m=0\nSIGSEGV: later\n":                      "SIGFPE",
		"panic: runtime error\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x10]\n": "SIGSEGV",
		"the model mentions SIGSEGV: no\nfatal error: out of memory\n":                        "",
		strings.Repeat("x", maxLine) + "SIGSEGV: the continuation of a line is not a line\n":  "",
	} {
		o := &output{log: slog.New(slog.DiscardHandler)}
		o.read(strings.NewReader(text))
		if got := o.reportedSignal(); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
}
