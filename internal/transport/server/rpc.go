package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// recoverPanics returns an interceptor that answers a panic with an internal
// error, as far as the answer has not begun, and logs it.
func recoverPanics(log *slog.Logger) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
			defer func() {
				if v := recover(); v != nil {
					if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value, too
						panic(v)
					}
					log.ErrorContext(ctx, "panic", "procedure", spec.Procedure, "panic", v, "stack", string(debug.Stack()))
					err = connect.NewError(connect.CodeInternal, "internal error")
				}
			}()
			return next(ctx, spec, stream)
		}
	}
}

// settleMemory gives back what was reserved for a compressed message beyond what it
// turned out to take. It also says when a request of reflection has been answered,
// which the service does not.
func settleMemory(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		settling := &settlingStream{ServerStream: stream, ctx: ctx, reflection: strings.HasPrefix(spec.Procedure, reflectionPrefix)}
		settling.info, _ = connect.CallInfoForServerContext(ctx)
		return next(ctx, spec, settling)
	}
}

// reflectionPrefix begins the procedures of gRPC reflection, in both its versions.
const reflectionPrefix = "/grpc.reflection."

type settlingStream struct {
	connect.ServerStream
	// ctx is here because the methods of connect.ServerStream take none.
	ctx        context.Context
	info       *connect.CallInfo // nil: none
	reflection bool
}

func (s *settlingStream) Receive(message any) error {
	if err := s.ServerStream.Receive(message); err != nil {
		return err
	}
	if s.info != nil && s.info.ReceiveStats.CompressedSize > 0 {
		admission.Settle(s.ctx, int64(s.info.ReceiveStats.Size)+int64(s.info.ReceiveStats.CompressedSize))
	}
	return nil
}

func (s *settlingStream) Send(message any) error {
	err := s.ServerStream.Send(message)
	if s.reflection {
		admission.Answered(s.ctx)
	}
	return err
}

// serviceNames returns the names of the services that have procedures, sorted.
func serviceNames(rpc *connect.Server) []string {
	var names []string
	for spec := range rpc.Specs() {
		service, _, _ := strings.Cut(strings.TrimPrefix(spec.Procedure, "/"), "/")
		names = append(names, service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// streamingProcedures returns the paths whose requests are more than one message.
func streamingProcedures(rpc *connect.Server) map[string]bool {
	streaming := map[string]bool{}
	for spec := range rpc.Specs() {
		if spec.StreamType&connect.StreamTypeClient != 0 {
			streaming[spec.Procedure] = true
		}
	}
	return streaming
}

// unknownProcedure answers calls of procedures that do not exist with
// unimplemented, in the caller's own protocol, and passes all else on to page.
func unknownProcedure(page http.Handler) http.Handler {
	writer := connecthttp.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && isProcedure(r.URL.Path) && writer.IsSupported(r) {
			err := connect.NewError(connect.CodeUnimplemented, fmt.Sprintf("no procedure %s on this server", r.URL.Path))
			_ = writer.Write(&notFoundWriter{w}, r, err) // the caller has gone
			return
		}
		page.ServeHTTP(w, r)
	})
}

// notFoundWriter answers with 404 in place of 501, Connect's status of unimplemented: that
// is for procedures that a service has not, and Connect's conformance tests hold servers to
// 404 where the path is nothing to them. The body is an RPC's error all the same.
type notFoundWriter struct{ http.ResponseWriter }

func (w *notFoundWriter) WriteHeader(status int) {
	if status == http.StatusNotImplemented {
		status = http.StatusNotFound
	}
	w.ResponseWriter.WriteHeader(status)
}

// isProcedure reports whether path has the form of an RPC's: /package.Service/Method.
func isProcedure(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && service != "" && method != "" && !strings.Contains(method, "/")
}
