package sandbox

// Report says which restrictions the kernel applies.
type Report struct {
	// Landlock is the version of the kernel's Landlock ABI. 0: there is no Landlock, and
	// the process can read every file that its user can read.
	Landlock int
	// Seccomp reports that the filter of system calls is installed.
	Seccomp bool
}

// Complete reports whether all restrictions apply.
func (r Report) Complete() bool { return r.Landlock > 0 && r.Seccomp }
