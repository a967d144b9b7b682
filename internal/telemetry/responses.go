package telemetry

import (
	"slices"
	"sync/atomic"
)

// The protocols and codes of responses. Both are closed: nothing that a client sends makes a
// metric of its own.
var (
	protocols = [...]string{"connect", "grpc", "grpcweb", plainHTTP}
	codes     = [...]string{
		codeOK, "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
		"permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range",
		"unimplemented", "internal", "unavailable", "data_loss", "unauthenticated",
	}
)

const (
	plainHTTP = "http"
	codeOK    = "ok"
	// unknownCode is the index of "unknown", which counts for codes that are not in the list.
	unknownCode = 2
)

// Responses counts the responses of a server by protocol and code. The zero value has none. It
// is safe for concurrent use.
type Responses struct {
	counts [len(protocols)][len(codes)]atomic.Uint64
}

// Add counts one response. A protocol that is not known is http, and a code that is not known is
// unknown.
func (r *Responses) Add(protocol, code string) {
	p, c := slices.Index(protocols[:], protocol), slices.Index(codes[:], code)
	if p < 0 {
		p = len(protocols) - 1
	}
	if c < 0 {
		c = unknownCode
	}
	r.counts[p][c].Add(1)
}

// Each calls do with the count of each protocol and code: all of ok, and those of errors that
// have occurred.
func (r *Responses) Each(do func(protocol, code string, count uint64)) {
	for p := range protocols {
		for c := range codes {
			if n := r.counts[p][c].Load(); n > 0 || codes[c] == codeOK {
				do(protocols[p], codes[c], n)
			}
		}
	}
}
