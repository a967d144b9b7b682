package process

import (
	"testing"
	"time"
)

func TestUnresponsive(t *testing.T) {
	const ticks = 4
	at := func(second int, a activity) activity {
		a.at = time.Unix(int64(second), 0)
		return a
	}
	stopped := activity{stopped: true}
	waits := activity{waits: true}
	for name, test := range map[string]struct {
		silence []activity
		want    bool
	}{
		"stopped":                             {[]activity{stopped, stopped, stopped, stopped}, true},
		"stopped, not for long enough":        {[]activity{stopped, stopped, stopped}, false},
		"stopped for the last ticks":          {[]activity{waits, stopped, stopped, stopped}, true},
		"stuck":                               {[]activity{waits, waits, waits, waits}, true},
		"stuck, with Go's monitor":            {[]activity{waits, waits, waits, {waits: true, cpu: 10 * time.Millisecond}}, true},
		"computes":                            {[]activity{{}, {cpu: 900 * time.Millisecond}, {cpu: 2 * time.Second}, {cpu: 3 * time.Second}}, false},
		"computes, and sleeps when looked at": {[]activity{waits, {waits: true, cpu: time.Second}, {waits: true, cpu: 2 * time.Second}, {waits: true, cpu: 3 * time.Second}}, false},
		"waits for a CPU or the disk":         {[]activity{{}, {}, {}, {}}, false},
		"continued":                           {[]activity{stopped, stopped, stopped, {cpu: time.Millisecond}}, false},
		"long starved, then stuck":            {[]activity{{}, {}, {}, waits, waits, waits, waits}, true},
		"/proc cannot be read":                {make([]activity, 10), false},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range test.silence {
				test.silence[i] = at(i, test.silence[i])
			}
			if got := silence(test.silence).unresponsive(ticks); got != test.want {
				t.Errorf("unresponsive: %v", got)
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	for text, want := range map[string]struct {
		state byte
		cpu   time.Duration
	}{
		"1 (a) S 0 1 1 0 -1 4194560 9 0 0 0 7 5 0 0 20 0 9 0 33":            {'S', 120 * time.Millisecond},
		"12 (a) b) R 1) T) T 0 1 1 0 -1 4194560 9 0 0 0 100 0 0 0 20 0 9 0": {'T', time.Second},
	} {
		if state, cpu, err := parseStat([]byte(text)); err != nil || state != want.state || cpu != want.cpu {
			t.Errorf("%q: %c, %v, %v", text, state, cpu, err)
		}
	}
	for _, text := range []string{"", "1 (a)", "1 (a) S 0 1", "1 (a) S 0 1 1 0 -1 4194560 9 0 0 0 x 5 0 0", "1 (a) SS 0 1 1 0 -1 4194560 9 0 0 0 7 5 0 0"} {
		if _, _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q has a state", text)
		}
	}
}
