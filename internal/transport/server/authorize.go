package server

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/auth/limit"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// Authorization rejects requests whose client lacks a permission, and those above the limits of a
// client, before their body is read. Preflights pass.
const Authorization = "authorization"

// Challenges of the header field WWW-Authenticate (RFC 6750, section 3).
const (
	headerChallenge  = "Www-Authenticate"
	challenge        = `Bearer realm="tensorwire"`
	challengeInvalid = challenge + `, error="invalid_token"`
)

// Authorize returns the middleware [Authorization] of an endpoint with routes. It belongs after
// [TrailersOnly], so that pages of other origins can read its errors. log gets a line for each request
// that administers. limits may be nil.
func Authorize(routes []Route, policy *auth.Policy, limits *limit.Limiter, log *slog.Logger) Middleware {
	a := &authorizer{routes: newRouter(routes), policy: policy, limits: limits, log: log, refuser: newRefuser()}
	return Middleware{Authorization, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, next) })
	}}
}

type authorizer struct {
	routes  *router
	policy  *auth.Policy
	limits  *limit.Limiter
	log     *slog.Logger
	refuser *refuser
}

func (a *authorizer) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if isPreflight(r) {
		next.ServeHTTP(w, r)
		return
	}
	need := a.routes.need(r)
	client, err := a.policy.Authorize(r, need)
	if err == nil && need.Action != permission.Open {
		var release func()
		if release, err = a.limits.Admit(limitKey(client, r), need.Stream); err == nil {
			defer release()
		}
	}
	admin := need.Action == permission.Admin || need.Action == permission.Unclassified
	switch {
	case err != nil:
		a.refuse(w, r, err)
		if admin && client != nil {
			a.audit(r, client, need.Model, codeOf(err))
		}
	case admin:
		a.serveAdmin(w, r, client, need, next)
	case client != nil:
		ctx, _ := permission.With(r.Context(), client)
		next.ServeHTTP(w, r.WithContext(ctx))
	default:
		next.ServeHTTP(w, r)
	}
}

// serveAdmin serves a request that administers, and logs it.
func (a *authorizer) serveAdmin(w http.ResponseWriter, r *http.Request, client *permission.Client, need permission.Need, next http.Handler) {
	e, r := observe(w, r)
	ctx, grant := permission.With(r.Context(), client)
	result := connect.CodeInternal.String() // unless next returns
	defer func() {
		a.audit(r, client, cmp.Or(grant.Model(), need.Model), result)
	}()
	next.ServeHTTP(e, r.WithContext(ctx))
	result = e.record.OutcomeOr(telemetry.Outcome{Code: codeOfStatus(e.status)}).Code
}

// audit logs a request that administers.
func (a *authorizer) audit(r *http.Request, client *permission.Client, model, result string) {
	name := ""
	if client != nil {
		name = client.Name
	}
	a.log.InfoContext(r.Context(), "admin request", "client", name, "method", r.Method, "path", r.URL.Path, "model", model, "code", result,
		"peer", peerOf(r), "request_id", telemetry.RequestID(r.Context()))
}

// refuse answers a request that is not allowed.
func (a *authorizer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	set := func(name, value string) { w.Header().Set(name, value) }
	if r.ProtoMajor > 1 && envelope.IsGRPC(r.Header.Get(wire.HeaderContentType)) {
		// With a header field of its own, the response would not be Trailers-Only.
		set = func(name, value string) { w.Header()[http.TrailerPrefix+name] = []string{value} }
	}
	switch {
	case errors.Is(err, permission.ErrUnauthenticated):
		text := challenge
		if _, present, _ := auth.Bearer(r.Header); present {
			text = challengeInvalid
		}
		w.Header().Set(headerChallenge, text) // never a trailer (RFC 9110, section 6.5.1)
		a.refuser.write(w, r, http.StatusUnauthorized, connect.NewError(connect.CodeUnauthenticated, err.Error()))
	case errors.Is(err, permission.ErrForbidden):
		a.refuser.write(w, r, http.StatusForbidden, connect.NewError(connect.CodePermissionDenied, err.Error()))
	default:
		wait, _ := overload.RetryAfter(err)
		set(wire.HeaderRetryAfter, strconv.FormatInt(int64(wait/time.Second), 10))
		if envelope.Is(r.Header.Get(wire.HeaderContentType)) {
			set(wire.HeaderRetryPushback, strconv.FormatInt(wait.Milliseconds(), 10))
		}
		a.refuser.write(w, r, http.StatusTooManyRequests, overload.Unavailable(wait, err.Error()))
	}
}

// codeOf returns the name of the code that a refusal has.
func codeOf(err error) string {
	switch {
	case errors.Is(err, permission.ErrUnauthenticated):
		return connect.CodeUnauthenticated.String()
	case errors.Is(err, permission.ErrForbidden):
		return connect.CodePermissionDenied.String()
	}
	return connect.CodeUnavailable.String()
}

// limitKey returns the key by which a client's requests are counted: its name, else its address.
func limitKey(client *permission.Client, r *http.Request) string {
	if client != nil {
		return "client " + client.Name
	}
	return telemetry.Peer(r.Context()).String()
}

// isPreflight reports whether a request is a CORS preflight, which browsers send without
// credentials. No route serves OPTIONS.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}
