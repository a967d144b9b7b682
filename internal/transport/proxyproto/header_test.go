package proxyproto_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/proxyproto"
)

// binaryHeader returns a header of version 2.
func binaryHeader(versionCommand, family byte, payload []byte) string {
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), versionCommand, family)
	return string(append(binary.BigEndian.AppendUint16(header, uint16(len(payload))), payload...))
}

// ends returns addresses and ports of version 2.
func ends(source, destination string) []byte {
	from, to := netip.MustParseAddrPort(source), netip.MustParseAddrPort(destination)
	payload := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(payload, from.Port()), to.Port())
}

var (
	ends4 = ends("192.0.2.7:1234", "198.51.100.1:443")
	ends6 = ends("[2001:db8::7]:1234", "[2001:db8::1]:443")
)

func TestHeaders(t *testing.T) {
	for header, want := range map[string]string{
		"PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n":  "192.0.2.7:1234",
		"PROXY TCP6 2001:db8::7 2001:db8::1 1234 443\r\n": "[2001:db8::7]:1234",
		"PROXY UNKNOWN\r\n": "invalid AddrPort",
		"PROXY UNKNOWN ffff:f::1 ffff::2 65535 65535\r\n":                "invalid AddrPort",
		binaryHeader(0x21, 0x11, ends4):                                  "192.0.2.7:1234",
		binaryHeader(0x21, 0x21, ends6):                                  "[2001:db8::7]:1234",
		binaryHeader(0x21, 0x11, append(bytes.Clone(ends4), 4, 0, 1, 9)): "192.0.2.7:1234",   // a further value
		binaryHeader(0x20, 0x00, nil):                                    "invalid AddrPort", // the proxy's own
		binaryHeader(0x20, 0x11, ends4):                                  "invalid AddrPort",
		binaryHeader(0x21, 0x31, make([]byte, 216)):                      "invalid AddrPort", // Unix sockets
		binaryHeader(0x21, 0x00, nil):                                    "invalid AddrPort",
	} {
		r := strings.NewReader(header + "GET / HTTP/1.1")
		address, err := proxyproto.Read(r)
		rest, _ := io.ReadAll(r)
		if err != nil || address.String() != want || string(rest) != "GET / HTTP/1.1" {
			t.Errorf("%q: %v, %v, and then %q", header, address, err, rest)
		}
	}
}

func TestHeadersThatAreNone(t *testing.T) {
	for _, header := range []string{
		"", "PROXY", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00",
		"PROXY TCP4 192.0.2.7 198.51.100.1 1234\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 1234 443 x\r\n",
		"PROXY TCP4 192.0.2.7  198.51.100.1 1234 443\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\n",
		"PROXY TCP4 2001:db8::7 2001:db8::1 1234 443\r\n",
		"PROXY TCP6 192.0.2.7 198.51.100.1 1234 443\r\n",
		"PROXY TCP6 fe80::1%eth0 2001:db8::1 1234 443\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
		"PROXY TCP4 192.0.2.300 198.51.100.1 1 443\r\n",
		"PROXY UDP4 192.0.2.7 198.51.100.1 1234 443\r\n",
		"PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n",
		"PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n",
		binaryHeader(0x11, 0x11, ends4),
		binaryHeader(0x22, 0x11, ends4),
		binaryHeader(0x21, 0x11, ends4[:11]),
		binaryHeader(0x21, 0x21, ends6[:35]),
		binaryHeader(0x21, 0x11, make([]byte, 5000)),
		binaryHeader(0x21, 0x11, ends4)[:20],
		binaryHeader(0x21, 0x11, ends4)[:14],
	} {
		if address, err := proxyproto.Read(strings.NewReader(header)); err == nil {
			t.Errorf("%q: %v", header, address)
		}
	}
}

// FuzzRead checks that a header reads no more than its bound and its own end.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\nx", "PROXY UNKNOWN\r\n", "GET / HTTP/1.1\r\n\r\n",
		binaryHeader(0x21, 0x11, ends4) + "x", binaryHeader(0x21, 0x21, ends6), binaryHeader(0x20, 0, nil),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := bytes.NewReader(content)
		address, err := proxyproto.Read(r)
		taken := len(content) - r.Len()
		if taken > 16+4096 {
			t.Errorf("%d bytes were read", taken)
		}
		if err != nil {
			return
		}
		if address.IsValid() && (address.Addr().Zone() != "" || !address.Addr().IsValid()) {
			t.Errorf("address %v", address)
		}
		again, err := proxyproto.Read(bytes.NewReader(content[:taken]))
		if err != nil || again != address {
			t.Errorf("the header alone gives %v, %v, and with what follows %v", again, err, address)
		}
	})
}
