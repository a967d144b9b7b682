package admission

import (
	"net"
	"net/netip"
)

// ipv6PeerBits is the size of the network that counts as one peer: IPv6 hosts and sites have at
// least a /64, and choose addresses in it freely (RFC 4291, section 2.5.4; RFC 6177).
const ipv6PeerBits = 64

// PeerOf returns the peer at a network address: its IPv4 address, or the /64 network of its IPv6
// address. All that have no IP address, as on Unix sockets, are the zero Addr.
func PeerOf(address net.Addr) netip.Addr {
	if tcp, ok := address.(*net.TCPAddr); ok {
		return peerOf(tcp.AddrPort().Addr())
	}
	if address == nil {
		return netip.Addr{}
	}
	return PeerOfText(address.String())
}

// PeerOfText is PeerOf for an address as text, such as [net/http.Request.RemoteAddr], with or
// without a port.
func PeerOfText(address string) netip.Addr {
	if parsed, err := netip.ParseAddrPort(address); err == nil {
		return peerOf(parsed.Addr())
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}
	}
	return peerOf(ip)
}

func peerOf(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		ip = netip.PrefixFrom(ip, ipv6PeerBits).Masked().Addr()
	}
	return ip
}

// peer is what one peer has reserved. Budget.mu guards it.
type peer struct {
	address netip.Addr
	conns   int
	held    int64
}

// Conn is one connection of a peer, whose requests reserve of a Budget.
type Conn struct {
	budget *Budget
	peer   *peer
	held   int64 // Budget.mu guards it
}

// Connect adds a connection of a peer, see [PeerOf]. The caller closes it. A nil budget has none.
func (b *Budget) Connect(address netip.Addr) *Conn {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.peers[address]
	if p == nil {
		p = &peer{address: address}
		b.peers[address] = p
	}
	p.conns++
	return &Conn{budget: b, peer: p}
}

// Close removes the connection, once. Requests that still hold memory keep it.
func (c *Conn) Close() {
	if c == nil {
		return
	}
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	c.peer.conns--
	c.budget.forgetLocked(c.peer)
}

// forgetLocked forgets a peer without connections that holds nothing.
func (b *Budget) forgetLocked(p *peer) {
	if p.conns == 0 && p.held == 0 && b.peers[p.address] == p {
		delete(b.peers, p.address)
	}
}
