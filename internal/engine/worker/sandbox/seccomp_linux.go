package sandbox

import (
	"os"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Results of denied system calls. Programs take ENOSYS as an older kernel and use another
// call, which the filter can check.
const (
	deny    = seccomp.ActionErrno | seccomp.Action(unix.EPERM)
	missing = seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)
)

// filterSystemCalls installs the filter on all threads. It returns false if the kernel or
// the library does not support it.
func filterSystemCalls() (installed bool, err error) {
	native, err := arch.GetInfo("")
	if err != nil || !seccomp.Supported() {
		return false, nil //nolint:nilerr // the library does not know this architecture
	}
	program, err := assemble(native)
	if err != nil {
		return false, err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, instruction := range program {
		filter[i] = unix.SockFilter{Code: instruction.Op, Jt: instruction.Jt, Jf: instruction.Jf, K: instruction.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	switch {
	case errno != 0:
		return false, errno
	case thread != 0:
		return false, unix.EBUSY // that thread has a filter of its own
	}
	return true, nil
}

// assemble returns the filter. A policy allows all system calls of other architectures,
// such as those of 32-bit programs, so a check of the architecture precedes it.
func assemble(native *arch.Info) ([]bpf.RawInstruction, error) {
	policy := seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		{Action: deny, Names: known(native, denied)},
		{Action: missing, Names: known(native, replaceable)},
		{Action: deny, NamesWithCondtions: knownConditions(native, conditional(os.Getpid()))},
	}}
	instructions, err := policy.Assemble()
	if err != nil {
		return nil, err
	}
	const archOffset = 4 // of seccomp_data.arch, seccomp(2)
	return bpf.Assemble(append([]bpf.Instruction{
		bpf.LoadAbsolute{Off: archOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(native.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(deny)},
	}, instructions...))
}

// known returns the names that the architecture has: arm64 has no fork, for example.
func known(native *arch.Info, names []string) []string {
	var found []string
	for _, name := range names {
		if _, ok := native.SyscallNames[name]; ok {
			found = append(found, name)
		}
	}
	return found
}

// knownConditions is known for system calls with conditions.
func knownConditions(native *arch.Info, calls []seccomp.NameWithConditions) []seccomp.NameWithConditions {
	var found []seccomp.NameWithConditions
	for _, call := range calls {
		if _, ok := native.SyscallNames[call.Name]; ok {
			found = append(found, call)
		}
	}
	return found
}
