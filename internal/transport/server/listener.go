package server

import (
	"net"

	"github.com/tensorwire/tensorwire/internal/transport/proxyproto"
)

// limitedListener is a listener with the limits of its endpoint. net/http retries errors of Accept
// that pass, such as too many open files.
type limitedListener struct {
	net.Listener
	connections *connections
	encrypted   bool // its connections speak TLS
}

// Accept implements [net.Listener].
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var client net.Addr
		inner := nc
		if proxied, ok := nc.(*proxyproto.Conn); ok {
			inner, client = proxied.Unwrap(), proxied.RemoteAddr()
		}
		accepted, ok := inner.(socket)
		if !ok {
			return nc, nil
		}
		if admitted := l.connections.admit(accepted, client, l.encrypted); admitted != nil {
			return admitted.counted(), nil
		}
		l.connections.refuse(accepted, l.encrypted)
	}
}
