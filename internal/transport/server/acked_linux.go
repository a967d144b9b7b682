package server

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acked returns how many bytes a client has acknowledged; 0 where that is unknown.
func acked(nc syscall.Conn) uint64 {
	raw, err := nc.SyscallConn()
	if err != nil {
		return 0
	}
	var info *unix.TCPInfo
	if raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}) != nil || err != nil {
		return 0
	}
	return info.Bytes_acked
}
