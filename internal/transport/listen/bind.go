package listen

import (
	"context"
	"net"
)

// Bind binds the address. Inherited sockets of systemd may be several; getenv returns the
// environment variables that describe them. The error is a [syscall.EADDRINUSE] where another program
// listens. The caller closes the listeners. A listener of a Unix
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
	return one(new(net.ListenConfig).Listen(ctx, "tcp", a.target))
}

func one(listener net.Listener, err error) ([]net.Listener, error) {
	if err != nil {
		return nil, err
	}
	return []net.Listener{listener}, nil
}
