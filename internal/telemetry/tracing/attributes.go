package tracing

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// other is the value of OpenTelemetry's conventions for methods that are not known, so that
// clients cannot make up names.
const other = "_OTHER"

// describe gives the span of a request its name, its attributes and its status, by the
// semantic conventions of RPCs (opentelemetry.io/docs/specs/semconv/rpc) and of HTTP (.../http).
func describe(span trace.Span, record *telemetry.Request, access *telemetry.Access) {
	o := record.OutcomeOr(telemetry.Outcome{Protocol: access.Protocol, Code: access.Code})
	all := []attribute.KeyValue{
		semconv.URLPath(access.Path),
		semconv.NetworkProtocolName("http"), semconv.NetworkProtocolVersion(strings.TrimSuffix(strings.TrimPrefix(access.HTTP, "HTTP/"), ".0")),
		semconv.HTTPRequestMethodKey.String(knownMethod(access.Method)),
		semconv.HTTPResponseStatusCode(access.Status),
		semconv.HTTPRequestBodySize(int(access.BytesIn)), semconv.HTTPResponseBodySize(int(access.BytesOut)),
		semconv.ClientAddress(access.Peer),
		attribute.String("tensorwire.request_id", record.ID),
	}
	var name string
	var failed bool
	if o.Protocol == "http" {
		name, failed = nameHTTP(record, access), access.Status >= 500
		if route := route(record); route != "" {
			all = append(all, semconv.HTTPRoute(route))
		}
	} else {
		name, failed = nameRPC(record), serverFailed(o.Code)
		all = append(all,
			semconv.RPCSystemNameKey.String(system(o.Protocol)), semconv.RPCMethod(name),
			semconv.RPCResponseStatusCode(statusText(o.Protocol, o.Code)), attribute.String("tensorwire.protocol", o.Protocol))
	}
	if o.Code != "ok" {
		all = append(all, semconv.ErrorTypeKey.String(o.Code))
	}
	if failed {
		text := ""
		if o.Err != nil {
			text = o.Err.Error()
		}
		span.SetStatus(codes.Error, text)
	}
	span.SetName(name)
	span.SetAttributes(all...)
}

// nameRPC returns the procedure of an RPC without the slash at its start.
func nameRPC(record *telemetry.Request) string {
	if procedure := record.Route(); procedure != "" {
		return strings.TrimPrefix(procedure, "/")
	}
	return other
}

// nameHTTP returns the method and the route of a request.
func nameHTTP(record *telemetry.Request, access *telemetry.Access) string {
	method := knownMethod(access.Method)
	if method == other {
		method = "HTTP"
	}
	if route := route(record); route != "" {
		return method + " " + route
	}
	return method
}

// route returns the path of a pattern of net/http: POST /v2/models/{model}/infer has a method.
func route(record *telemetry.Request) string {
	pattern := record.Route()
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	return pattern
}

func knownMethod(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}, method) {
		return method
	}
	return other
}

// system returns the name of an RPC system. gRPC-Web is gRPC in other frames.
func system(protocol string) string {
	if protocol == "connect" {
		return "connectrpc"
	}
	return "grpc"
}

// statusText returns a code as its RPC system writes it: gRPC in capitals, with a second l in
// CANCELLED.
func statusText(protocol, code string) string {
	switch {
	case protocol == "connect":
		return code
	case code == "canceled":
		return "CANCELLED"
	}
	return strings.ToUpper(code)
}

// serverFailed reports whether a code is an error of the server, and not of its client, as the
// conventions for spans of gRPC servers say.
func serverFailed(code string) bool {
	switch code {
	case "unknown", "deadline_exceeded", "unimplemented", "internal", "unavailable", "data_loss":
		return true
	}
	return false
}
