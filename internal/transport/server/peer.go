package server

import "net/netip"

// ipv6PeerBits is the size of the network that counts as one client: IPv6 hosts and sites
// have at least a /64, and choose addresses in it freely (RFC 4291, section 2.5.4; RFC 6177).
const ipv6PeerBits = 64

// peerOf returns the client at an address such as [net/http.Request.RemoteAddr]: its IPv4
// address, or the /64 network of its IPv6 address. It is the zero Addr where there is no IP
// address, as on Unix sockets.
func peerOf(address string) netip.Addr {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	ip := parsed.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip
	}
	return netip.PrefixFrom(ip, ipv6PeerBits).Masked().Addr()
}
