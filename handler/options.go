package handler

import (
	"context"
	"log/slog"

	"google.golang.org/protobuf/proto"
)

// RPCOptions tune a service of RPCs that run models, unary and in streams. The zero value has
// the defaults.
type RPCOptions struct {
	// StreamWindow bounds the requests of one stream in flight. A client that sends more
	// waits. 0: infer.DefaultStreamWindow.
	StreamWindow int
	// Draining is closed when the server begins to stop: streams then answer the requests
	// in flight, and end. nil: never.
	Draining <-chan struct{}
	// Release is called with a message of a stream, and the stream's context or one
	// derived from it, when the message has been answered and nothing reads its memory
	// any more. nil: the memory is garbage collected.
	Release func(ctx context.Context, message proto.Message)
	// Lend is called with the context of a unary call, or one derived from it, and a
	// function to call when the answer has been written and nothing reads its memory any
	// more. nil: the memory is garbage collected.
	Lend func(ctx context.Context, free func())
	// Logger logs the causes of internal errors. nil: slog.Default.
	Logger *slog.Logger
}

// WithDefaults returns o with all functions and the logger set.
func (o RPCOptions) WithDefaults() RPCOptions {
	if o.Release == nil {
		o.Release = func(context.Context, proto.Message) {}
	}
	if o.Lend == nil {
		o.Lend = func(context.Context, func()) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
