package proxyproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

const (
	// signature begins a header of version 2 (section 2.2).
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	// prefix begins a header of version 1, and maxLine bounds it, with its end (section 2.1).
	prefix  = "PROXY "
	maxLine = 107
	// maxPayload bounds the addresses and the further values of version 2, in bytes. Proxies send
	// some hundred; the length on the wire allows 65,535.
	maxPayload = 4096
)

var errNoHeader = errors.New("the connection does not begin with a PROXY protocol header")

// Read reads one header, and not a byte more. It returns the client's address; the zero AddrPort
// where the header has none, because the proxy speaks for itself or the client has no IP address.
func Read(r io.Reader) (netip.AddrPort, error) {
	var begin [len(signature)]byte
	if _, err := io.ReadFull(r, begin[:]); err != nil {
		return netip.AddrPort{}, err
	}
	switch {
	case string(begin[:]) == signature:
		return readBinary(r)
	case strings.HasPrefix(string(begin[:]), prefix):
		return readLine(r, begin[:])
	}
	return netip.AddrPort{}, errNoHeader
}

// readLine reads the rest of a header of version 1.
func readLine(r io.Reader, begin []byte) (netip.AddrPort, error) {
	line := make([]byte, len(begin), maxLine)
	copy(line, begin)
	for !strings.HasSuffix(string(line), "\r\n") {
		if len(line) == maxLine {
			return netip.AddrPort{}, fmt.Errorf("the PROXY protocol header has no end within %d bytes", maxLine)
		}
		if _, err := io.ReadFull(r, line[len(line):len(line)+1]); err != nil {
			return netip.AddrPort{}, err
		}
		line = line[:len(line)+1]
	}
	fields := strings.Split(strings.TrimSuffix(string(line), "\r\n"), " ")
	if fields[1] == "UNKNOWN" {
		return netip.AddrPort{}, nil
	}
	const all = 6 // PROXY, family, source and destination address, source and destination port
	if len(fields) != all || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return netip.AddrPort{}, fmt.Errorf("the PROXY protocol header is %q", line)
	}
	is4 := fields[1] == "TCP4"
	source, err := parseEnd(fields[2], fields[4], is4)
	if err == nil {
		_, err = parseEnd(fields[3], fields[5], is4)
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("the PROXY protocol header is %q: %w", line, err)
	}
	return source, nil
}

func parseEnd(address, port string, is4 bool) (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if ip.Is4() != is4 || ip.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%s is not of the family", address)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(ip, uint16(number)), nil
}

// The fields of version 2 after the signature (section 2.2).
const (
	version2     = 0x2
	commandLocal = 0x0
	commandProxy = 0x1
	tcp4, tcp6   = 0x11, 0x21
	tcp4Bytes    = 4 + 4 + 2 + 2 // source, destination, their ports
	tcp6Bytes    = 16 + 16 + 2 + 2
)

// readBinary reads the rest of a header of version 2. Values behind the addresses are skipped.
func readBinary(r io.Reader) (netip.AddrPort, error) {
	var fixed [4]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return netip.AddrPort{}, err
	}
	version, command, family, length := fixed[0]>>4, fixed[0]&0xf, fixed[1], int(binary.BigEndian.Uint16(fixed[2:]))
	if version != version2 || command > commandProxy {
		return netip.AddrPort{}, fmt.Errorf("the PROXY protocol header has the version and command %#x", fixed[0])
	}
	if length > maxPayload {
		return netip.AddrPort{}, fmt.Errorf("the PROXY protocol header has %d bytes after its length, the maximum is %d", length, maxPayload)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return netip.AddrPort{}, err
	}
	if command == commandLocal {
		return netip.AddrPort{}, nil
	}
	switch {
	case family == tcp4 && length >= tcp4Bytes:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(payload)), binary.BigEndian.Uint16(payload[8:])), nil
	case family == tcp6 && length >= tcp6Bytes:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(payload)).Unmap(), binary.BigEndian.Uint16(payload[32:])), nil
	case family == tcp4 || family == tcp6:
		return netip.AddrPort{}, fmt.Errorf("the PROXY protocol header has %d bytes for its addresses, which is too short", length)
	}
	return netip.AddrPort{}, nil // another family: the address of the proxy counts
}
