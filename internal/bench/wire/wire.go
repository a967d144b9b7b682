// Package wire sends gRPC's unary requests for a load that is to take little of the
// machine which it shares with the server: their headers are encoded once, nothing
// waits on a goroutine of its own, and of an answer only what it says is looked at.
//
// It knows as much of HTTP/2 (RFC 9113) and of gRPC over it as that needs: flow control,
// the server's settings, and no more than one message each way.
package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/net/http2/hpack"
)

// Request is a request that is sent again and again. It is not changed by that, and may
// be sent by several goroutines at once.
type Request struct {
	headers, body []byte
	timeout       time.Duration
}

// NewRequest returns a request that calls a procedure, such as /package.Service/Method, with
// an encoded message. Its caller waits for timeout, of whole milliseconds, which is sent
// along; 0 is for ever.
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
		field.Sensitive = true        // is in no table, so that the same bytes mean the same every time
		_ = encoder.WriteField(field) // into memory
	}
	// Not compressed, and so long (gRPC over HTTP/2, Length-Prefixed-Message).
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return &Request{headers.Bytes(), append(body, message...), timeout}
}

// Error is an answer that is none.
type Error struct {
	// Code is gRPC's, and Message its text.
	Code    connect.Code
	Message string
	// Pushback says that the server told when to come again (gRPC's proposal A6).
	Pushback bool
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Message }

// Done is called once for each request, with the answer's message, which is valid until
// it returns, or what there is instead: an [Error], or why the connection ended. Most
// often the goroutine that reads the connection calls it, which must not wait for long.
type Done func(message []byte, err error)

// Client sends requests over connections of its own, of which it opens another when the
// server takes no more of them at once on those it has. It is safe for concurrent use.
type Client struct {
	address string

	mu          sync.Mutex
	connections []*connection
}

// New returns a client of the server at address, which speaks HTTP/2 without TLS.
func New(address string) *Client { return &Client{address: address} }

// Send sends a request, and returns when it is written as far as the server's windows
// have room. Where it cannot be begun done is told before Send returns.
func (c *Client) Send(ctx context.Context, r *Request, done Done) {
	if err := c.begin(ctx, r, done); err != nil {
		done(nil, err)
	}
}

func (c *Client) begin(ctx context.Context, r *Request, done Done) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.connections {
		if known.send(r, done) {
			return nil
		}
	}
	added, err := dial(ctx, c.address)
	if err != nil {
		return fmt.Errorf("open another connection: %w", err)
	}
	c.connections = append(c.connections, added)
	if !added.send(r, done) {
		return fmt.Errorf("%s takes no request on a new connection", c.address)
	}
	return nil
}

// Call sends a request and waits for its end; decode is given the answer's message.
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

// Close closes the connections. Requests that have no answer yet fail.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, open := range c.connections {
		open.close()
	}
	c.connections = nil
}
