package sandbox

import (
	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// denied are system calls that a worker does not make.
var denied = []string{
	// Sockets. Inherited ones keep working.
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	// Other programs and processes.
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	"process_mrelease", "kcmp", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
	"setpgid", "setsid", "setpriority", "ioprio_set", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr",
	"migrate_pages", "move_pages", "setrlimit",
	// Changes of files. Landlock does not control modes, owners, times and attributes.
	"creat", "truncate", "link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2", "unlink", "unlinkat",
	"mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
	"setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
	"utime", "utimes", "futimesat", "utimensat", "name_to_handle_at", "open_by_handle_at",
	// Namespaces and mounts.
	"unshare", "setns", "chroot", "pivot_root", "mount", "umount2", "move_mount", "mount_setattr", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	// Credentials and keys.
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
	"add_key", "request_key", "keyctl",
	// System V and POSIX inter-process communication.
	"shmget", "shmat", "shmctl", "semget", "semctl", "semop", "semtimedop", "msgget", "msgctl", "msgsnd", "msgrcv", "mq_open", "mq_unlink",
	// The kernel and the machine.
	"bpf", "perf_event_open", "userfaultfd", "fanotify_init", "init_module", "finit_module", "delete_module",
	"kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog",
	"clock_settime", "settimeofday", "adjtimex", "clock_adjtime", "sethostname", "setdomainname",
	"iopl", "ioperm", "modify_ldt", "personality", "vhangup", "lookup_dcookie",
}

// replaceable are system calls whose arguments are in memory, where a filter cannot check
// them, and io_uring, which makes others without the filter. The C library has a
// replacement for each.
var replaceable = []string{"clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register"}

// conditional returns system calls that are denied with some arguments, in the process
// pid.
func conditional(pid int) []seccomp.NameWithConditions {
	when := func(name string, argument uint32, operation seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: operation, Value: value}}}
	}
	// Also a descriptor that is open for reading cannot be reopened for writing through
	// /proc/self/fd.
	const writes = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC
	return []seccomp.NameWithConditions{
		when("open", 1, seccomp.BitsSet, writes),
		when("openat", 2, seccomp.BitsSet, writes),
		// Threads, but not processes.
		when("clone", 0, seccomp.BitsNotSet, unix.CLONE_THREAD),
		// Signals to the process itself: Go's runtime and abort use them.
		when("kill", 0, seccomp.NotEqual, uint64(pid)),
		when("tgkill", 0, seccomp.NotEqual, uint64(pid)),
		// Reading its own limits.
		when("prlimit64", 0, seccomp.NotEqual, 0),
		when("prlimit64", 2, seccomp.NotEqual, 0),
	}
}
