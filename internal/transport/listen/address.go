package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Address is an address with its options. [Parse] makes it.
//
//	127.0.0.1:8080, :8080, [::]:8080     TCP
//	unix:/run/tensorwire.sock            a Unix socket; unix:@name is an abstract one (Linux)
//	systemd:, systemd:name               the sockets that systemd passes (LISTEN_FDS), all or those
//	                                     with a FileDescriptorName
//	fd:3                                 an inherited descriptor
//
// Options follow a question mark, as in the query of a URL, and are separated by "&".
type Address struct {
	network network
	// target is host:port, a path, a name or the number of a descriptor.
	target string
	// mode has the permission bits of a Unix socket; 0: those of the umask.
	mode fs.FileMode
	// TLS says whether connections speak TLS. nil: where a certificate is configured.
	TLS *bool
	// CertFile, KeyFile, ClientCAFile and ClientAuth replace the settings tls-cert, tls-key,
	// tls-client-ca and tls-client-auth. Empty: those settings.
	CertFile, KeyFile, ClientCAFile, ClientAuth string
	// ProxyProtocol: trusted proxies begin connections with a PROXY protocol header.
	ProxyProtocol bool
}

type network string

const (
	tcp        network = "tcp"
	unixSocket network = "unix"
	systemd    network = "systemd"
	descriptor network = "fd"
)

// maxUnixPath is the longest path of a Unix socket on Linux, in bytes (unix(7)). Others have less.
const maxUnixPath = 107

// minDescriptor is the first descriptor after standard input, output and error.
const minDescriptor = 3

// Parse parses an address. The error says what is accepted.
func Parse(text string) (Address, error) {
	target, options, _ := strings.Cut(text, "?")
	a := Address{network: tcp, target: target}
	for _, n := range []network{unixSocket, systemd, descriptor} {
		if rest, ok := strings.CutPrefix(target, string(n)+":"); ok {
			a.network, a.target = n, rest
		}
	}
	if err := a.checkTarget(); err != nil {
		return Address{}, err
	}
	return a, a.parseOptions(options)
}

func (a *Address) checkTarget() error {
	switch a.network {
	case unixSocket:
		if a.target == "" || a.target == "@" || len(a.target) > maxUnixPath || strings.ContainsRune(a.target, 0) {
			return fmt.Errorf("give the path of a Unix socket with at most %d bytes, such as unix:/run/tensorwire.sock", maxUnixPath)
		}
	case descriptor:
		if n, err := strconv.Atoi(a.target); err != nil || n < minDescriptor {
			return fmt.Errorf("give the number of a descriptor from %d on, such as fd:3", minDescriptor)
		}
	case tcp:
		_, port, err := net.SplitHostPort(a.target)
		if err == nil {
			_, err = new(net.Resolver).LookupPort(context.Background(), "tcp", port) // reads no network
		}
		if err != nil {
			return errors.New("give host:port or :port with a port from 0 to 65535, such as 127.0.0.1:8080, or unix:/path, systemd: or fd:3")
		}
	case systemd:
	}
	return nil
}

func (a *Address) parseOptions(text string) error {
	options, err := url.ParseQuery(text)
	if err != nil {
		return fmt.Errorf("the options after ? are no query of a URL: %w", err)
	}
	for name, values := range options {
		if len(values) > 1 {
			return fmt.Errorf("the option %s is there %d times: give it once", name, len(values))
		}
		if err := a.setOption(name, values[0]); err != nil {
			return err
		}
	}
	if a.TLS != nil && !*a.TLS && (a.CertFile != "" || a.KeyFile != "" || a.ClientCAFile != "" || a.ClientAuth != "") {
		return errors.New("tls=off has no further options of TLS: remove one of them")
	}
	return nil
}

func (a *Address) setOption(name, value string) (err error) {
	switch name {
	case "tls":
		on := false
		on, err = parseSwitch(name, value)
		a.TLS = &on
	case "tls-cert":
		a.CertFile, err = value, notEmpty(name, value)
	case "tls-key":
		a.KeyFile, err = value, notEmpty(name, value)
	case "tls-client-ca":
		a.ClientCAFile, err = value, notEmpty(name, value)
	case "tls-client-auth":
		a.ClientAuth = value
		if value != "require" && value != "optional" {
			err = fmt.Errorf("the option %s is %q: give require or optional", name, value)
		}
	case "proxy-protocol":
		a.ProxyProtocol, err = parseSwitch(name, value)
	case "mode":
		a.mode, err = a.parseMode(value)
	default:
		err = fmt.Errorf("the option %q does not exist: give tls, tls-cert, tls-key, tls-client-ca, tls-client-auth, proxy-protocol or mode", name)
	}
	return err
}

func parseSwitch(name, value string) (bool, error) {
	if value != "on" && value != "off" {
		return false, fmt.Errorf("the option %s is %q: give on or off", name, value)
	}
	return value == "on", nil
}

func notEmpty(name, value string) error {
	if value == "" {
		return fmt.Errorf("the option %s is empty: give the path of a PEM file", name)
	}
	return nil
}

func (a *Address) parseMode(value string) (fs.FileMode, error) {
	if a.network != unixSocket || a.target[0] == '@' {
		return 0, errors.New("the option mode is for Unix sockets with a path: remove it")
	}
	bits, err := strconv.ParseUint(value, 8, 32)
	if err != nil || bits == 0 || bits > 0o777 {
		return 0, fmt.Errorf("the option mode is %q: give permission bits in octal, such as 0660", value)
	}
	return fs.FileMode(bits), nil
}

// HostPort returns the address of TCP as host:port; ok is false for others.
func (a *Address) HostPort() (_ string, ok bool) { return a.target, a.network == tcp }

// String returns the address without its options.
func (a *Address) String() string {
	if a.network == tcp {
		return a.target
	}
	return string(a.network) + ":" + a.target
}
