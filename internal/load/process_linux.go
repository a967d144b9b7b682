package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tree returns the processes that are measured (proc_pid_tid_children(5)).
func (p Process) tree() []int {
	pids := []int{p.PID}
	for i := 0; i < len(pids) && !p.Alone; i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i])) // the pattern is valid
		for _, list := range lists {
			children, _ := os.ReadFile(list) // a thread that has ended has none
			for child := range strings.FieldsSeq(string(children)) {
				if pid, err := strconv.Atoi(child); err == nil {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// CPUTime returns the user and system time used so far, including that of descendants
// that have ended and were waited for; ok is false when it is unknown.
func (p Process) CPUTime() (_ time.Duration, ok bool) {
	var sum time.Duration
	for _, pid := range p.tree() {
		// The clock ID of a process is the complement of its number; of its three kinds
		// the scheduler's counts nanoseconds (clock_getcpuclockid(3)).
		const scheduler = 2
		var now unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|scheduler), &now); err != nil {
			if pid == p.PID {
				return 0, false
			}
			continue // it has ended since
		}
		sum += time.Duration(now.Nano())
		if !p.Alone {
			sum += endedChildren(pid)
		}
	}
	return sum, true
}

// endedChildren returns the CPU time of a process's children that have ended, cutime and
// cstime, in ticks of 10 ms (proc_pid_stat(5)).
func endedChildren(pid int) time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The second field is a name, which may contain blanks and parentheses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const cutime, tick = 16 - 3, 10 * time.Millisecond
	if len(fields) < cutime+2 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[cutime], 10, 64)
	system, _ := strconv.ParseInt(fields[cutime+1], 10, 64)
	return time.Duration(user+system) * tick
}

// Memory returns the memory and its peak, in bytes. Memory is the
// proportional set size: pages that processes share count once. The peak is the sum of
// the processes' own peaks, less what they share now; so it is an upper bound where they
// peaked at different times.
func (p Process) Memory() (now, peak int64, _ error) {
	for _, pid := range p.tree() {
		resident, err := kilobytes(pid, "status", "VmRSS")
		highest, errPeak := kilobytes(pid, "status", "VmHWM")
		proportional, errPSS := kilobytes(pid, "smaps_rollup", "Pss")
		for _, err := range []error{err, errPeak, errPSS} {
			if err != nil && pid == p.PID {
				return 0, 0, err
			}
		}
		if errPSS == nil { // else it has ended since
			now += proportional
			peak += max(highest-resident, 0) + proportional
		}
	}
	return now, peak, nil
}

// kilobytes reads a size such as "VmRSS:     1234 kB" from a file of a process in /proc,
// and returns it in bytes.
func kilobytes(pid int, file, name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name+":" && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n * 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/%s has no %s in kB", pid, file, name)
}
