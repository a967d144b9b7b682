package process

import "testing"

func TestStatusBytes(t *testing.T) {
	t.Parallel()
	const status = "Name:\tbench\nVmHWM:\t  204800 kB\nVmRSS:\t    1000 kB\nThreads:\t7\n"
	for name, want := range map[string]int64{"VmHWM": 204800 * 1024, "VmRSS": 1000 * 1024} {
		if got, err := statusBytes(status, name); err != nil || got != want {
			t.Errorf("%s is %d, %v, want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"Vm", "Threads", "VmSwap"} {
		if got, err := statusBytes(status, name); err == nil {
			t.Errorf("%s is %d, want an error", name, got)
		}
	}
}
