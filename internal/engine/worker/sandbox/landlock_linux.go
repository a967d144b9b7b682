package sandbox

import (
	"errors"
	"io/fs"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// hardware are the files that native code reads to size its thread pools and memory.
var hardware = []string{
	"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory",
	"/sys/devices/system/cpu", "/sys/devices/system/node",
}

// Rights of a rule. Executing is not among them.
const (
	readFile = ll.AccessFSReadFile
	readDir  = ll.AccessFSReadFile | ll.AccessFSReadDir
)

// restrictFiles allows reading the files at readable and hardware, and denies the rest of
// what the kernel's Landlock controls, TCP and signals to other processes included. It
// returns the version of the kernel's ABI, 0 without Landlock.
//
// Landlock does not control descriptors that are reopened through /proc/self/fd: the
// system call filter denies opening for writing.
func restrictFiles(readable []string) (abi int, err error) {
	if abi, err = ll.LandlockGetABIVersion(); err != nil {
		return 0, nil //nolint:nilerr // the kernel has no Landlock, or it is disabled
	}
	var rules []landlock.Rule
	for _, path := range append(readable, hardware...) {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		rights := landlock.AccessFSSet(readFile)
		if info.IsDir() {
			rights = readDir
		}
		rules = append(rules, landlock.PathAccess(rights, path))
	}
	return abi, landlock.V11.BestEffort().Restrict(rules...)
}
