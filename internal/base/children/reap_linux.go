package children

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// retry is how soon ReapOrphans looks again when the first zombie is a child of the program's,
// which is reaped by its own goroutine. Others may be behind it.
const retry = 50 * time.Millisecond

// ReapOrphans reaps children that the program did not start, until stop is called, if the process
// is one that gets such children. All commands of the program must be started by Start: others
// would lose their exit status.
func ReapOrphans() (stop func()) {
	if !adopts() {
		return func() {}
	}
	ended := make(chan os.Signal, 1) // one that waits stands for all
	signal.Notify(ended, syscall.SIGCHLD)
	stopped := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			var again <-chan time.Time
			if reapAll() {
				again = time.After(retry)
			}
			select {
			case <-ended:
			case <-again:
			case <-stopped:
				return
			}
		}
	})
	return func() {
		signal.Stop(ended)
		close(stopped)
		group.Wait()
	}
}

// adopts reports whether children of other processes become this one's.
func adopts() bool {
	if os.Getpid() == 1 {
		return true
	}
	var subreaper int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0)
	return err == nil && subreaper != 0
}

// reapAll reaps zombies until there are none, or the first is the program's own: then again is
// true.
func reapAll() (again bool) {
	own.mu.Lock()
	defer own.mu.Unlock()
	for {
		pid := zombie()
		switch {
		case pid == 0:
			return false
		case isOwn(pid):
			return true
		}
		// An error means that it is gone.
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// siginfo is the start of the kernel's siginfo_t for SIGCHLD (sigaction(2)): the union behind
// the first three fields has the alignment of pointers.
type siginfo struct {
	signo, errno, code int32
	_                  [0]uintptr
	pid                int32
}

// zombie returns a child that has ended and was not reaped; 0: there is none. It stays a zombie.
func zombie() int {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0 // no children
		}
		return int((*siginfo)(unsafe.Pointer(&info)).pid)
	}
}
