package sandbox

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
)

// run returns the filter's result for a system call.
func run(t *testing.T, filter []bpf.RawInstruction, audit arch.AuditArch, number int, arguments ...uint64) uint32 {
	t.Helper()
	instructions, ok := bpf.Disassemble(filter)
	if !ok {
		t.Fatal("the filter does not disassemble")
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	// struct seccomp_data, in 32-bit words. The VM reads them in network order; the lower
	// half of an argument is first on little-endian machines.
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data, uint32(number))
	binary.BigEndian.PutUint32(data[4:], uint32(audit))
	for i, argument := range arguments {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(argument))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(argument>>32))
	}
	result, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(result)
}

// The filter denies other architectures: their system calls have other numbers, and a
// 64-bit program can make those of 32-bit programs.
func TestFilter(t *testing.T) {
	const allow = 0x7fff0000
	pid := uint64(os.Getpid())
	native, err := arch.GetInfo("")
	if err != nil {
		t.Skip(err)
	}
	filter, err := assemble(native)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		arguments []uint64
		want      uint32
	}{
		{name: "read", want: allow},
		{name: "mmap", want: allow},
		{name: "futex", want: allow},
		{name: "recvmsg", want: allow},
		{name: "socket", want: uint32(deny)},
		{name: "execve", want: uint32(deny)},
		{name: "clone3", want: uint32(missing)},
		{name: "openat2", want: uint32(missing)},
		{name: "clone", arguments: []uint64{0x3d0f00}, want: allow}, // of pthread_create
		{name: "clone", arguments: []uint64{17}, want: uint32(deny)},
		{name: "openat", arguments: []uint64{0, 0, 0}, want: allow},
		{name: "openat", arguments: []uint64{0, 0, 1}, want: uint32(deny)},
		{name: "openat", arguments: []uint64{0, 0, 2}, want: uint32(deny)},
		{name: "tgkill", arguments: []uint64{pid, 7, 6}, want: allow},
		{name: "tgkill", arguments: []uint64{1, 1, 9}, want: uint32(deny)},
		{name: "kill", arguments: []uint64{1<<64 - 1, 9}, want: uint32(deny)},
		{name: "prlimit64", arguments: []uint64{0, 7, 0, 1}, want: allow},
		{name: "prlimit64", arguments: []uint64{0, 7, 1, 0}, want: uint32(deny)},
		{name: "prlimit64", arguments: []uint64{1, 7, 0, 1}, want: uint32(deny)},
	} {
		number, ok := native.SyscallNames[test.name]
		if !ok {
			t.Fatalf("%s has no %s", native.Name, test.name)
		}
		if got := run(t, filter, native.ID, number, test.arguments...); got != test.want {
			t.Errorf("%s: %s%v: %#x, want %#x", native.Name, test.name, test.arguments, got, test.want)
		}
	}
	for _, foreign := range []*arch.Info{arch.I386, arch.ARM} {
		if got := run(t, filter, foreign.ID, foreign.SyscallNames["read"]); got != uint32(deny) {
			t.Errorf("%s: a system call of %s: %#x", native.Name, foreign.Name, got)
		}
	}
	if native != arch.X86_64 {
		return
	}
	if got := run(t, filter, native.ID, native.SyscallNames["socket"]|arch.X32.SeccompMask); got == allow {
		t.Error("the x32 ABI is allowed")
	}
}
