package main

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const stat = "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 1000 0 3 0 150 25 0 0 20 0 9 0 12345 1 2"
	if got, ok := parseStat(stat); !ok || got != 1750*time.Millisecond {
		t.Errorf("parseStat = %v, %v, want 1.75s, true", got, ok)
	}
	for _, broken := range []string{"", "4711 (a) S 1 2", "4711 (a) S 1 4711 4711 0 -1 4194560 1000 0 3 0 x 25 0"} {
		if got, ok := parseStat(broken); ok {
			t.Errorf("parseStat(%q) = %v, true", broken, got)
		}
	}
}

func TestAddressIsTakenFromWholeLines(t *testing.T) {
	t.Parallel()
	found := make(chan string, 1)
	w := &addressWriter{found: found}
	for _, piece := range []string{"\nserves 2 of 2 models\n\n  page   http://127.0.0.1:4", "0", "1/\n", "  call   curl http://127.0.0.1:9/\n"} {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if got := <-found; got != "http://127.0.0.1:401" {
		t.Errorf("found %q", got)
	}
}

func TestSettingsAreTakenFromTheEnvironment(t *testing.T) {
	t.Parallel()
	got := withoutSettings([]string{"HOME=/home/me", "TENSORWIRE_MAX_QUEUE=1", "PATH=/bin"})
	if len(got) != 2 || got[0] != "HOME=/home/me" || got[1] != "PATH=/bin" {
		t.Errorf("withoutSettings = %q", got)
	}
}
