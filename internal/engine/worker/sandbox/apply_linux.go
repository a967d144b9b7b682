package sandbox

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Apply restricts the process. From then on it can read the files at readable, which are
// absolute paths, those below them where they are directories, and what the kernel says
// about CPUs and memory. Paths that do not exist are skipped. Descriptors that are open
// keep working.
//
// It is called once, while no native code changes its threads' signal masks. After an
// error some restrictions may apply: the process ends.
func Apply(readable []string) (Report, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The kernel requires it of the thread that installs a filter, and copies it to the
	// others.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return Report{}, fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return Report{}, fmt.Errorf("drop capabilities: %w", err)
	}
	abi, err := restrictFiles(readable)
	if err != nil {
		return Report{}, fmt.Errorf("restrict files with Landlock: %w", err)
	}
	filtered, err := filterSystemCalls()
	if err != nil {
		return Report{}, fmt.Errorf("filter system calls with seccomp: %w", err)
	}
	return Report{Landlock: abi, Seccomp: filtered}, nil
}
