package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// ErrInUse marks the error of an address on which another program listens.
var ErrInUse = errors.New("in use by another program")

// Bind binds the address. Inherited sockets of systemd may be several; getenv returns the
// environment variables that describe them. The caller closes the listeners. A listener of a Unix
// socket removes its file when it is closed.
func (a *Address) Bind(ctx context.Context, getenv func(string) string) ([]net.Listener, error) {
	switch a.network {
	case systemd:
		return inheritedFrom(getenv, a.target)
	case descriptor:
		return one(inherit(a.target))
	case unixSocket:
		return one(a.bindUnix(ctx))
	case tcp:
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.target)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return one(listener, err)
}

func one(listener net.Listener, err error) ([]net.Listener, error) {
	if err != nil {
		return nil, err
	}
	return []net.Listener{listener}, nil
}
