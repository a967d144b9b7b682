package wire

// Names of header fields, in canonical form.
const (
	HeaderAcceptEncoding         = "Accept-Encoding"
	HeaderAcceptLanguage         = "Accept-Language"
	HeaderAuthorization          = "Authorization"
	HeaderConnectProtocolVersion = "Connect-Protocol-Version"
	HeaderConnectTimeout         = "Connect-Timeout-Ms"
	HeaderContentEncoding        = "Content-Encoding"
	HeaderContentLength          = "Content-Length"
	HeaderContentType            = "Content-Type"
	HeaderETag                   = "ETag" // Go's canonical form is Etag; clients compare without regard to case
	HeaderExpect                 = "Expect"
	HeaderGRPCAcceptEncoding     = "Grpc-Accept-Encoding"
	HeaderGRPCEncoding           = "Grpc-Encoding"
	HeaderGRPCMessage            = "Grpc-Message"
	HeaderGRPCStatus             = "Grpc-Status"
	HeaderGRPCStatusDetails      = "Grpc-Status-Details-Bin"
	HeaderGRPCTimeout            = "Grpc-Timeout"
	HeaderHost                   = "Host"
	HeaderIfNoneMatch            = "If-None-Match"
	HeaderOrigin                 = "Origin"
	HeaderSecFetchMode           = "Sec-Fetch-Mode"
	HeaderSecFetchSite           = "Sec-Fetch-Site"
	HeaderVary                   = "Vary"

	// HeaderJSONLength is the length of the JSON in a body of JSON followed by tensors
	// (the Open Inference Protocol's binary tensor data extension). On a request, 0
	// means that the body is one tensor without JSON. Without the field all of a body is
	// JSON.
	HeaderJSONLength = "Inference-Header-Content-Length"
	// HeaderRetryAfter is the wait before a retry in whole seconds (RFC 9110, section
	// 10.2.3). HeaderRetryPushback is in milliseconds, for gRPC clients that retry
	// transparently (gRPC's proposal A6, "Pushback").
	HeaderRetryAfter    = "Retry-After"
	HeaderRetryPushback = "Grpc-Retry-Pushback-Ms"
	// HeaderRequestID identifies a request in logs. A client may set it; the server
	// returns the one that it used.
	HeaderRequestID = "X-Request-Id"
)
