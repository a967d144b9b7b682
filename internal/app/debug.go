package app

import (
	"net"
	"strings"

	"github.com/tensorwire/tensorwire/handler/debug"
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/listen"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// debugName is the endpoint of the profiles, on a listener of its own. It is shut down after the
// APIs, so that it answers during the drain.
const debugName = "debug"

func (s *Server) debugEndpoint() server.Endpoint {
	options := debug.Options{Hosts: debugHosts(s.config), Draining: s.lifecycle.Draining()}
	if s.workers != nil {
		options.Workers = s.workers // not a nil *Engine in the interface
	}
	return server.Endpoint{Name: debugName, Routes: []server.Route{{Prefix: "/debug", Handler: debug.Handler(options), Quiet: true, Need: needServer}}}
}

// debugHosts returns the names that requests for profiles may have in Host: the configured ones,
// and the one of the address.
func debugHosts(c *config.Config) []string {
	var hosts []string
	if host, _, err := net.SplitHostPort(c.DebugListen); err == nil && host != "" {
		hosts = append(hosts, strings.ToLower(host))
	}
	for _, host := range c.DebugHosts {
		hosts = append(hosts, strings.ToLower(host))
	}
	return hosts
}

// serveDebug serves the profiles in the background until Shutdown, once, where an address
// is configured.
func (s *Server) serveDebug() error {
	if s.config.DebugListen == "" || s.debugging.Swap(true) {
		return nil
	}
	address, err := listen.Parse(s.config.DebugListen)
	if err != nil {
		return setting.Errorf("%s is %q: %w", setting.DebugListen, s.config.DebugListen, err)
	}
	bound, err := address.Bind(s.loadCtx, nil)
	if err != nil {
		return bindError(setting.DebugListen, s.config.DebugListen, err)
	}
	listener := bound[0]
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && adminAccess(s.config) == auth.AdminAll {
		s.log.Warn("the profiles are reachable from other machines, without authentication", "address", listener.Addr().String(), "setting", setting.DebugListen)
	}
	s.log.Info("profiles are served", "address", listener.Addr().String())
	go func() {
		if err := s.http.Serve(debugName, listener); err != nil {
			s.log.Error("profiles are no longer served", "error", err)
		}
	}()
	return nil
}
