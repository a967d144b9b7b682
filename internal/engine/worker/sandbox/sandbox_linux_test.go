package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/sandbox"
)

// probeVariable makes the test binary a process that restricts itself and reports what it
// can still do. Its value is the directory that it may read.
const probeVariable = "TENSORWIRE_TEST_SANDBOX"

func TestMain(m *testing.M) {
	if dir := os.Getenv(probeVariable); dir != "" {
		if err := probeProcess(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// outcome is what a probed process prints.
type outcome struct {
	Report sandbox.Report
	// Early has the results of a thread that existed before the sandbox, Late those of one
	// that was created after it. 0 is success.
	Early, Late map[string]syscall.Errno
}

// probeProcess restricts the process and prints an outcome.
func probeProcess(dir string) error {
	memory, err := unix.MemfdCreate("segment", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.Ftruncate(memory, 4096); err != nil {
		return err
	}
	segment, err := os.Open("/proc/self/fd/" + strconv.Itoa(memory)) // as a worker gets it: for reading
	if err != nil {
		return err
	}
	if err := unix.Close(memory); err != nil {
		return err
	}

	start, early := make(chan bool), make(chan map[string]syscall.Errno)
	locked := make(chan bool)
	go func() {
		runtime.LockOSThread()
		locked <- true
		<-start
		early <- probe(dir, segment)
	}()
	<-locked
	report, err := sandbox.Apply([]string{dir, filepath.Join(dir, "missing")})
	if err != nil {
		return err
	}
	result := outcome{Report: report}
	close(start)
	result.Early = <-early
	late := make(chan map[string]syscall.Errno)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends, and a new one starts
		late <- probe(dir, segment)
	}()
	result.Late = <-late
	return json.NewEncoder(os.Stdout).Encode(result)
}

// probe tries what a compromised worker would.
func probe(dir string, segment *os.File) map[string]syscall.Errno {
	path := "/proc/self/fd/" + strconv.Itoa(int(segment.Fd()))
	open := func(path string, flags int) error {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			err = unix.Close(fd)
		}
		return err
	}
	socket := func(domain, kind int) error {
		fd, err := unix.Socket(domain, kind, 0)
		if err == nil {
			err = unix.Close(fd)
		}
		return err
	}
	mapping := func(protection int) error {
		memory, err := unix.Mmap(int(segment.Fd()), 0, 4096, protection, unix.MAP_SHARED)
		if err == nil {
			_ = unix.Munmap(memory)
		}
		return err
	}
	errno := func(err error) syscall.Errno {
		var code syscall.Errno
		if err != nil && !errors.As(err, &code) {
			return syscall.ENOTRECOVERABLE // an error of another kind, which no test expects
		}
		return code
	}
	server := strconv.Itoa(os.Getppid())
	limit := unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	return map[string]syscall.Errno{
		"read the model":        errno(open(filepath.Join(dir, "model"), unix.O_RDONLY)),
		"list the model":        errno(open(dir, unix.O_RDONLY|unix.O_DIRECTORY)),
		"read the CPUs":         errno(open("/sys/devices/system/cpu/online", unix.O_RDONLY)),
		"map the segment":       errno(mapping(unix.PROT_READ)),
		"signal itself":         errno(unix.Tgkill(os.Getpid(), unix.Gettid(), 0)),
		"read another file":     errno(open("/etc/passwd", unix.O_RDONLY)),
		"leave the directory":   errno(open(dir+"/../..", unix.O_RDONLY)),
		"read the server":       errno(open("/proc/"+server+"/maps", unix.O_RDONLY)),
		"write the model":       errno(open(filepath.Join(dir, "model"), unix.O_WRONLY)),
		"create a file":         errno(open(filepath.Join(dir, "new"), unix.O_WRONLY|unix.O_CREAT)),
		"remove the model":      errno(unix.Unlink(filepath.Join(dir, "model"))),
		"change a mode":         errno(unix.Chmod(filepath.Join(dir, "model"), 0o777)),
		"reopen the segment":    errno(open(path, unix.O_RDWR)),
		"map it for writing":    errno(mapping(unix.PROT_READ | unix.PROT_WRITE)),
		"internet socket":       errno(socket(unix.AF_INET, unix.SOCK_STREAM)),
		"unix socket":           errno(socket(unix.AF_UNIX, unix.SOCK_DGRAM)),
		"netlink socket":        errno(socket(unix.AF_NETLINK, unix.SOCK_RAW)),
		"start a program":       errno(exec.Command("/bin/true").Run()),
		"become a program":      errno(unix.Exec("/proc/self/exe", []string{"x"}, nil)),
		"signal the server":     errno(unix.Kill(os.Getppid(), 0)),
		"signal all":            errno(unix.Kill(-1, 0)),
		"raise its limits":      errno(unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)),
		"limit the server":      errno(unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, &limit, nil)),
		"trace the server":      errno(unix.PtraceAttach(os.Getppid())),
		"leave the namespace":   errno(unix.Unshare(unix.CLONE_NEWUSER)),
		"leave its group":       errno(unix.Setpgid(0, os.Getppid())),
		"pin the server to CPU": errno(unix.SchedSetaffinity(os.Getppid(), &unix.CPUSet{1})),
		"superuser capabilities": func() syscall.Errno {
			header, sets := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
			if err := unix.Capget(&header, &sets[0]); err != nil {
				return errno(err)
			}
			if sets[0].Effective&^(1<<unix.CAP_DAC_READ_SEARCH) != 0 || sets[1].Effective != 0 {
				return 0
			}
			return unix.EPERM
		}(),
	}
}

// allowed are the probes that must succeed.
var allowed = map[string]bool{
	"read the model": true, "list the model": true, "read the CPUs": true, "map the segment": true, "signal itself": true,
}

// landlock are the probes that only Landlock denies.
var landlock = map[string]bool{"read another file": true, "leave the directory": true, "read the server": true}

// The restrictions hold for threads from before and after the sandbox, as those of native
// code are.
func TestSandboxHoldsForAllThreads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m", "1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), probeVariable+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var got outcome
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got.Report.Complete() != (got.Report.Landlock > 0 && got.Report.Seccomp) || len(got.Early) != len(got.Late) {
		t.Errorf("%+v", got)
	}
	if !got.Report.Complete() {
		t.Logf("this kernel's sandbox is incomplete: %+v", got.Report)
	}
	for thread, results := range map[string]map[string]syscall.Errno{"early": got.Early, "late": got.Late} {
		for name, code := range results {
			switch {
			case allowed[name]:
				if code != 0 {
					t.Errorf("%s thread: %s: %v", thread, name, code)
				}
			case landlock[name] && got.Report.Landlock == 0, !landlock[name] && !got.Report.Seccomp:
			case code != syscall.EPERM && code != syscall.EACCES:
				t.Errorf("%s thread: %s: %v, want it denied", thread, name, code)
			}
		}
	}
}
