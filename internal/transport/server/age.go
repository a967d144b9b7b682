package server

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// maxAgeJitter is the part of MaxConnectionAge by which the ages of connections differ, so that
// those of one moment do not end together.
const maxAgeJitter = 0.1

// jittered returns an age, more or less by up to maxAgeJitter.
func jittered(age time.Duration) time.Duration {
	return time.Duration(float64(age) * (1 + maxAgeJitter*(2*rand.Float64()-1))) //nolint:gosec // not a secret
}

// retireOld closes connections that have reached their age after their next response. internal/transport/h2
// ends those of HTTP/2 itself. golang.org/x/net takes the field as the order to send GOAWAY.
func retireOld(netHTTP2 bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 || netHTTP2 {
			if c := connectionOf(r.Context()); c != nil && !c.retires.IsZero() && !time.Now().Before(c.retires) {
				w.Header().Set("Connection", "close")
			}
		}
		next.ServeHTTP(w, r)
	})
}
