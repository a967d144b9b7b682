package h2

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// minRTT returns the minimum round-trip time that the kernel has measured on a connection;
// ok is false before the first measurement.
func minRTT(raw syscall.RawConn) (_ time.Duration, ok bool) {
	var info *unix.TCPInfo
	var err error
	if raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}) != nil || err != nil {
		return 0, false
	}
	const unknown = ^uint32(0)
	return time.Duration(info.Min_rtt) * time.Microsecond, info.Min_rtt != unknown
}
