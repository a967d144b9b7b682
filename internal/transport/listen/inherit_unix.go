//go:build darwin || freebsd || linux || netbsd || openbsd || dragonfly

package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// inheritedFrom returns the sockets that systemd passes to this process (sd_listen_fds(3)): all, or
// those with a name.
func inheritedFrom(getenv func(string) string, name string) ([]net.Listener, error) {
	count, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if pid := getenv("LISTEN_PID"); err != nil || count < 1 || pid != strconv.Itoa(os.Getpid()) {
		return nil, errors.New("systemd has passed no sockets to this process (LISTEN_FDS, LISTEN_PID): start it by a socket unit")
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	var listeners []net.Listener
	for i := range count {
		if name != "" && (i >= len(names) || names[i] != name) {
			continue
		}
		listener, err := inherit(strconv.Itoa(minDescriptor + i))
		if err != nil {
			return nil, errors.Join(err, closeAll(listeners))
		}
		listeners = append(listeners, listener)
	}
	if len(listeners) == 0 {
		return nil, fmt.Errorf("systemd has passed no socket named %q, the names are %v: give one of them, or systemd: for all", name, names)
	}
	return listeners, nil
}

// inherit returns the listener of an inherited descriptor.
func inherit(number string) (net.Listener, error) {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	if listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || listens == 0 {
		return nil, fmt.Errorf("descriptor %d is no socket that listens: pass one to the process, such as by a socket unit of systemd with Accept=no", fd)
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "inherited socket "+number)
	listener, err := net.FileListener(file) // has a descriptor of its own
	return listener, errors.Join(err, file.Close())
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, listener := range listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}
