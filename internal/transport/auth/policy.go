package auth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"

	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// AdminAccess says which requests without a credential may administer.
type AdminAccess uint8

const (
	// AdminLoopback lets requests from this machine that no proxy forwarded administer.
	AdminLoopback AdminAccess = iota
	// AdminAll lets every request administer.
	AdminAll
	// AdminToken lets only clients with the action Admin administer.
	AdminToken
)

// ParseAdminAccess parses loopback, all or token.
func ParseAdminAccess(text string) (AdminAccess, error) {
	switch text {
	case "loopback":
		return AdminLoopback, nil
	case "all":
		return AdminAll, nil
	case "token":
		return AdminToken, nil
	}
	return 0, errors.New("give loopback, all or token")
}

// Authenticator returns the client of a request by its header. It does not read the body. The
// client is nil where the request has no credential that the Authenticator knows, and the error
// is an [permission.ErrUnauthenticated] where it has one that is not valid. It is safe for concurrent use. The
// form is that of connectrpc.com/authn.
type Authenticator func(ctx context.Context, r *http.Request) (*permission.Client, error)

// Policy decides which requests are allowed. It does not change, and is safe for concurrent use.
type Policy struct {
	// Authenticate returns the client of a request. nil: no authentication is configured, and all
	// clients may infer and read.
	Authenticate Authenticator
	// Admin is the access of requests without a credential.
	Admin AdminAccess
}

// Authorize returns the client of a request that is allowed; nil for one without a client. Else
// the error is an [permission.ErrUnauthenticated] or an [permission.ErrForbidden]; the latter with the client, if it is
// known. Of a request that needs nothing, the credential is not read.
func (p *Policy) Authorize(r *http.Request, need permission.Need) (*permission.Client, error) {
	if need.Action == permission.Open {
		return nil, nil //nolint:nilnil // it needs no client
	}
	if p.Authenticate != nil {
		client, err := p.Authenticate(r.Context(), r)
		if err != nil {
			return nil, err
		}
		if client != nil {
			return client, client.Permits(need)
		}
	}
	admin := need.Action == permission.Admin || need.Action == permission.Unclassified
	switch {
	case admin && (p.Admin == AdminAll || p.Admin == AdminLoopback && isLocal(r)):
		return nil, nil //nolint:nilnil // it needs no client
	case p.Authenticate != nil:
		return nil, permission.ErrUnauthenticated
	case !admin:
		return nil, nil //nolint:nilnil // it needs no client
	case p.Admin == AdminToken:
		return nil, errNoAdmin
	}
	return nil, errAdminAccess
}

// forwardedFields are the header fields by which proxies can be known.
var forwardedFields = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// isLocal reports whether a request comes from this machine, over loopback or a Unix socket, and
// through no proxy that says so.
func isLocal(r *http.Request) bool {
	for _, name := range forwardedFields {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	if _, ok := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); ok {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
