package load

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// Request is an encoded unary gRPC request. It is immutable and safe for concurrent use.
type Request struct {
	headers, body []byte
	timeout       time.Duration
}

// NewRequest returns a request that calls a procedure, such as /package.Service/Method,
// with an encoded message. The server receives the timeout, in whole milliseconds, and the
// client enforces it; 0: none.
func NewRequest(procedure string, message []byte, timeout time.Duration) *Request {
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: procedure},
		{Name: ":authority", Value: "localhost"},
		{Name: "content-type", Value: "application/grpc+proto"},
		{Name: "te", Value: "trailers"},
	}
	if timeout > 0 {
		fields = append(fields, hpack.HeaderField{Name: "grpc-timeout", Value: strconv.FormatInt(timeout.Milliseconds(), 10) + "m"})
	}
	var headers bytes.Buffer
	encoder := hpack.NewEncoder(&headers)
	for _, field := range fields {
		// Never indexed: the bytes are valid in any state of the peer's dynamic table.
		field.Sensitive = true
		_ = encoder.WriteField(field) // into memory
	}
	body := make([]byte, envelope.PrefixSize, envelope.PrefixSize+len(message))
	envelope.Put(body, 0, len(message)) // not compressed
	return &Request{headers.Bytes(), append(body, message...), timeout}
}

// StatusError is a gRPC status other than OK.
type StatusError struct {
	Code    connect.Code
	Message string
	// Pushback reports that the server said when to retry (gRPC proposal A6).
	Pushback bool
}

func (e *StatusError) Error() string { return e.Code.String() + ": " + e.Message }

// Done receives the end of a request, once: the response message, which is valid until
// Done returns, or an error, a [*StatusError] or the reason why the connection ended. It
// usually runs on the goroutine that reads the connection and must not block.
type Done func(message []byte, err error)

// Client sends unary gRPC requests over HTTP/2 without TLS. Headers are encoded once, no
// request has a goroutine of its own, and the client opens another connection when the
// server's stream limit is reached on the existing ones. It implements the parts of RFC
// 9113 that this needs: flow control, the server's settings, and one message in each
// direction. It is safe for concurrent use.
type Client struct {
	address string

	mu          sync.Mutex // guards connections
	connections []*connection
}

// NewClient returns a client of the server at address, host:port. It connects on demand.
func NewClient(address string) *Client { return &Client{address: address} }

// Send sends a request. It returns when the request is written as far as the flow-control
// windows allow. done is also called when the request cannot be sent.
func (c *Client) Send(ctx context.Context, r *Request, done Done) {
	if err := c.begin(ctx, r, done); err != nil {
		done(nil, err)
	}
}

func (c *Client) begin(ctx context.Context, r *Request, done Done) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, open := range c.connections {
		if open.send(r, done) {
			return nil
		}
	}
	added, err := dial(ctx, c.address)
	if err != nil {
		return fmt.Errorf("open a connection: %w", err)
	}
	c.connections = append(c.connections, added)
	if !added.send(r, done) {
		return fmt.Errorf("%s accepts no request on a new connection", c.address)
	}
	return nil
}

// Call sends a request and waits for its end. decode receives the response message, which
// is valid until decode returns.
func (c *Client) Call(ctx context.Context, r *Request, decode func(message []byte) error) error {
	end := make(chan error, 1)
	c.Send(ctx, r, func(message []byte, err error) {
		if err == nil {
			err = decode(message)
		}
		end <- err
	})
	return <-end
}

// Close closes the connections. Requests in flight end with an error.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, open := range c.connections {
		open.close()
	}
	c.connections = nil
}
