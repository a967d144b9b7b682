package child

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// inherited returns an inherited descriptor for reads and writes with deadlines.
func inherited(fd uintptr, name string) *os.File {
	// Errors come back from the first read or write.
	_ = unix.SetNonblock(int(fd), true)
	unix.CloseOnExec(int(fd))
	return os.NewFile(fd, name)
}

// closeOthers closes descriptors from first on that the server had inherited without
// close-on-exec and so passed on unknowingly. Go opens all of its own with it.
func closeOthers(first int) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd < first {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			if err := unix.Close(fd); err != nil {
				return fmt.Errorf("close inherited descriptor %d: %w", fd, err)
			}
		}
	}
	return nil
}

// oomScoreAdjust is added to the process's score, of 1000: the kernel ends a worker before
// the server when memory is exhausted (proc_pid_oom_score_adj(5)).
const oomScoreAdjust = 500

// limit sets the limits of the process: no core files, which could have the data of
// requests, the memory of setup, and the OOM killer's preference.
func limit(setup control.Setup) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit core files: %w", err)
	}
	if setup.DataLimit > 0 {
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: setup.DataLimit, Max: setup.DataLimit}); err != nil {
			return fmt.Errorf("limit memory to %d bytes: %w", setup.DataLimit, err)
		}
	}
	if err := raiseOOMScore(); err != nil {
		// Such as a container with a read-only /proc: the worker works without it.
		fmt.Fprintf(os.Stderr, "tensorwire worker: raise the OOM score: %v\n", err)
	}
	return nil
}

func raiseOOMScore() error {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strconv.Itoa(min(score+oomScoreAdjust, 1000))), 0o600)
}
