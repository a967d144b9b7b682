package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// keptCapabilities lets a worker of the superuser read the models of other users, as the
// server does. Landlock and the filter bound what it reads.
const keptCapabilities = 1 << unix.CAP_DAC_READ_SEARCH

// dropCapabilities drops the capabilities of all threads, except those that they have of
// keptCapabilities.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // of capabilities 0 to 31 and 32 to 63
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	kept := sets[0].Permitted & keptCapabilities
	sets = [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
