package process

import (
	"testing"
	"time"
)

// The clock counts this process's own work.
func TestCPUTime(t *testing.T) {
	t.Parallel()
	p := Self()
	before, ok := p.CPUTime()
	if !ok {
		t.Skip("this system does not tell")
	}
	for after := before; after-before < time.Millisecond; after, _ = p.CPUTime() {
		if after < before {
			t.Fatalf("the clock went from %v to %v", before, after)
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
