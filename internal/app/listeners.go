package app

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
	"github.com/tensorwire/tensorwire/internal/transport/proxyproto"
)

// Listener is a bound address with its settings. Its owner closes it, or serves it.
type Listener struct {
	net.Listener
	tls      *certs.Store // nil: cleartext
	settings *config.TLS  // of tls
}

// Listen binds the configured addresses: all, or none where one is an error. getenv returns the
// environment variables of inherited sockets; nil: [os.Getenv]. The caller owns the listeners until
// it serves them.
func (s *Server) Listen(ctx context.Context, getenv func(string) string) ([]Listener, error) {
	if getenv == nil {
		getenv = os.Getenv
	}
	addresses, err := s.config.Addresses() //nolint:contextcheck // parses, and reads no network
	if err != nil {
		return nil, err
	}
	proxies, err := forwarded.ParseProxies(s.config.TrustedProxies)
	if err != nil {
		return nil, setting.Errorf("%s: %w", setting.TrustedProxies, err)
	}
	var listeners []Listener
	for i := range addresses {
		address := &addresses[i]
		bound, err := address.Bind(ctx, getenv)
		if err != nil {
			return nil, errors.Join(bindError(setting.Listen, address.String(), err), closeAll(listeners))
		}
		settings := s.config.TLSOf(address)
		for _, listener := range bound {
			if address.ProxyProtocol {
				listener = proxyproto.NewListener(listener, proxies, s.log)
			}
			listeners = append(listeners, Listener{listener, s.storeOf(settings), settings})
		}
	}
	return listeners, nil
}

// bindError returns the error of an address of a setting.
func bindError(key setting.Key, address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return setting.Errorf("%s is in use by another program: stop it, or set another address with %s: %w", address, key, err)
	}
	return setting.Errorf("%s %s: %w", key, address, err)
}

func closeAll(listeners []Listener) error {
	var errs []error
	for _, listener := range listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// openStores loads the certificates of all listeners, and of Serve.
func (s *Server) openStores() error {
	addresses, err := s.config.Addresses()
	if err != nil {
		return err
	}
	s.stores = map[config.TLS]*certs.Store{}
	all := []*config.TLS{s.config.DefaultTLS()}
	for i := range addresses {
		all = append(all, s.config.TLSOf(&addresses[i]))
	}
	for _, t := range all {
		if t == nil || s.stores[*t] != nil {
			continue
		}
		store, err := certs.Open(certs.Options{
			CertFile: t.Cert, KeyFile: t.Key, SelfSigned: t.SelfSigned, Names: ownNames(s.config),
			ClientCAFile: t.ClientCA, ClientOptional: t.ClientOptional, Logger: s.log,
		})
		if err != nil {
			return err
		}
		s.stores[*t] = store
	}
	return nil
}

// storeOf returns the certificate of settings; nil: cleartext.
func (s *Server) storeOf(settings *config.TLS) *certs.Store {
	if settings == nil {
		return nil
	}
	return s.stores[*settings]
}

// ownNames returns the names of a self-signed certificate: those of this machine, and those by which
// the configuration says that the server is reached.
func ownNames(c *config.Config) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(name string) {
		name = strings.ToLower(name)
		ip := net.ParseIP(name)
		if name == "" || ip != nil && ip.IsUnspecified() {
			return
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	for _, address := range c.HostPorts() {
		if host, _, err := net.SplitHostPort(address); err == nil {
			add(host)
		}
	}
	for _, host := range c.AllowedHosts {
		add(host)
	}
	return names
}

// certificateExpiry returns when the first certificate expires, in seconds since 1970; 0: there is
// none.
func (s *Server) certificateExpiry() float64 {
	var first time.Time
	for _, store := range s.stores {
		if end := store.NotAfter(); first.IsZero() || end.Before(first) {
			first = end
		}
	}
	if first.IsZero() {
		return 0
	}
	return float64(first.Unix())
}

// certificatesFailing returns how many certificates cannot be loaded again.
func (s *Server) certificatesFailing() float64 {
	failing := 0.0
	for _, store := range s.stores {
		if store.Failing() {
			failing++
		}
	}
	return failing
}
