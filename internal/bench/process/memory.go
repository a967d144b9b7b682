package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory returns the resident memory of the process, and the most that it had, in bytes.
// Where there is no /proc the error is an os.ErrNotExist.
func (p *Process) Memory() (now, peak int64, _ error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = statusBytes(string(status), "VmRSS"); err != nil {
		return 0, 0, err
	}
	peak, err = statusBytes(string(status), "VmHWM")
	return now, peak, err
}

// statusBytes reads a size from proc_pid_status(5), "VmRSS:     1234 kB".
func statusBytes(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		key, rest, _ := strings.Cut(line, ":")
		if key != name {
			continue
		}
		kilobytes, unit, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.ParseInt(kilobytes, 10, 64)
		if err != nil || unit != "kB" {
			return 0, fmt.Errorf("%s is %q, want kilobytes", name, strings.TrimSpace(rest))
		}
		return n * 1024, nil
	}
	return 0, fmt.Errorf("the process's status has no %s", name)
}
