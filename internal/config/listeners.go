package config

import (
	"errors"
	"os"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/listen"
)

// TLS has the settings of TLS of one listener. Equal ones are the same certificate.
type TLS struct {
	Cert, Key      string
	SelfSigned     bool
	ClientCA       string
	ClientOptional bool
}

// Addresses returns the addresses of Listen, parsed.
func (c *Config) Addresses() ([]listen.Address, error) {
	var addresses []listen.Address
	var errs []error
	for _, text := range c.Listen {
		address, err := listen.Parse(text)
		if err != nil {
			errs = append(errs, setting.Errorf("%s is %q: %w", setting.Listen, text, err))
		}
		addresses = append(addresses, address)
	}
	if len(c.Listen) == 0 {
		errs = append(errs, setting.Errorf("%s is empty: give an address such as 127.0.0.1:8080", setting.Listen))
	}
	return addresses, errors.Join(errs...)
}

// HostPorts returns the addresses of TCP in Listen, without options.
func (c *Config) HostPorts() []string {
	var texts []string
	addresses, _ := c.Addresses() // Validate reports the error
	for i := range addresses {
		if text, ok := addresses[i].HostPort(); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// DefaultTLS returns the settings of TLS of listeners without their own; nil: cleartext.
func (c *Config) DefaultTLS() *TLS { return c.TLSOf(&listen.Address{}) }

// TLSOf returns the settings of TLS of an address; nil: cleartext.
func (c *Config) TLSOf(a *listen.Address) *TLS {
	t := TLS{Cert: c.TLSCert, Key: c.TLSKey, SelfSigned: c.TLSSelfSigned, ClientCA: c.TLSClientCA}
	if a.CertFile != "" || a.KeyFile != "" {
		t.Cert, t.Key, t.SelfSigned = a.CertFile, a.KeyFile, false
	}
	if a.ClientCAFile != "" {
		t.ClientCA = a.ClientCAFile
	}
	clients := c.TLSClientAuth
	if a.ClientAuth != "" {
		clients = a.ClientAuth
	}
	t.ClientOptional = clients == clientsOptional && t.ClientCA != ""
	has := t.Cert != "" || t.Key != "" || t.SelfSigned
	if a.TLS != nil && !*a.TLS || a.TLS == nil && !has {
		return nil
	}
	return &t
}

// clientsOptional is the value of tls-client-auth for clients with and without a certificate.
const clientsOptional = "optional"

func checkClientAuth(text string) error {
	if text != "require" && text != clientsOptional {
		return errors.New("give require or optional")
	}
	return nil
}

// validateListeners checks each listener with the settings that apply to it.
func (c *Config) validateListeners() error {
	addresses, err := c.Addresses()
	errs := []error{err, c.validateTLS()}
	if err != nil {
		return errors.Join(errs...)
	}
	encrypted := false
	for i := range addresses {
		a := &addresses[i]
		text := c.Listen[i]
		if a.ProxyProtocol && len(c.TrustedProxies) == 0 && !strings.HasPrefix(a.String(), "unix:") {
			errs = append(errs, setting.Errorf("%s is %q: the PROXY protocol is read of trusted proxies only, give their addresses with %s", setting.Listen, text, setting.TrustedProxies))
		}
		t := c.TLSOf(a)
		if t == nil {
			if a.TLS == nil && (a.ClientCAFile != "" || a.ClientAuth != "") {
				errs = append(errs, setting.Errorf("%s is %q: the listener has no certificate, give one with the options tls-cert and tls-key, or with %s and %s", setting.Listen, text, setting.TLSCert, setting.TLSKey))
			}
			continue
		}
		encrypted = true
		if a.CertFile != "" || a.KeyFile != "" || a.ClientCAFile != "" || t.Cert == "" && t.Key == "" && !t.SelfSigned {
			errs = append(errs, t.validate(text))
		}
	}
	if !encrypted && c.TLSClientCA != "" {
		errs = append(errs, setting.Errorf("%s is %s: no listener has TLS, give a certificate with %s and %s", setting.TLSClientCA, c.TLSClientCA, setting.TLSCert, setting.TLSKey))
	}
	return errors.Join(errs...)
}

// validate checks the options of TLS of a listener, whose text names it in errors.
func (t *TLS) validate(text string) error {
	if !t.SelfSigned && (t.Cert == "" || t.Key == "") {
		return setting.Errorf("%s is %q: TLS needs a certificate and its key, give both with the options tls-cert and tls-key, or with %s and %s", setting.Listen, text, setting.TLSCert, setting.TLSKey)
	}
	for _, name := range []string{t.Cert, t.Key, t.ClientCA} {
		if name == "" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return setting.Errorf("%s is %q: %w", setting.Listen, text, err)
		}
	}
	return nil
}

// validateTLS checks the settings of TLS that all listeners share.
func (c *Config) validateTLS() error {
	errs := []error{checkText(setting.TLSClientAuth, c.TLSClientAuth, checkClientAuth)}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, setting.Errorf("%s and %s go together: give both or neither", setting.TLSCert, setting.TLSKey))
	}
	if c.TLSSelfSigned && (c.TLSCert != "" || c.TLSKey != "") {
		errs = append(errs, setting.Errorf("%s makes a certificate: give it without %s and %s", setting.TLSSelfSigned, setting.TLSCert, setting.TLSKey))
	}
	for _, file := range []struct {
		key  setting.Key
		name string
	}{{setting.TLSCert, c.TLSCert}, {setting.TLSKey, c.TLSKey}, {setting.TLSClientCA, c.TLSClientCA}} {
		if file.name == "" {
			continue
		}
		if _, err := os.Stat(file.name); err != nil {
			errs = append(errs, setting.Errorf("%s is %s: %w", file.key, file.name, err))
		}
	}
	return errors.Join(errs...)
}
