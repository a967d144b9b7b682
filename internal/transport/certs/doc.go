// Package certs provides the TLS configuration of listeners: a certificate, its key and the
// authorities of clients from PEM files, or a self-signed certificate in memory. It follows changes
// of the files, so that certificates are renewed without a restart.
package certs
