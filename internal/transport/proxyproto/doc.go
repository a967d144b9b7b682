// Package proxyproto reads the header of the PROXY protocol, versions 1 and 2, by which a proxy for
// TCP reports the address of its client.
//
// The source is https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt.
package proxyproto
