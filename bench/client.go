package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// client is grpc-go's, as it comes, on a number of connections.
type client struct{ conns []*grpc.ClientConn }

// dial returns a client whose connections are made when they are used.
func dial(base string, conns int) (*client, error) {
	c := &client{}
	for range conns {
		conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(base, "http://"),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostMessage), grpc.MaxCallSendMsgSize(mostMessage)))
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// unary returns calls of ModelInfer by so many callers, each of which takes the
// connections in turn. check looks at each answer.
func (c *client) unary(callers int, req *inference.ModelInferRequest, check func(*inference.ModelInferResponse) error) *caller {
	return c.calls(callers, func(ctx context.Context, conn *grpc.ClientConn) error {
		res := new(inference.ModelInferResponse)
		if err := conn.Invoke(ctx, inferMethod, req, res); err != nil {
			return err
		}
		return check(res)
	})
}

// fast returns calls of FastPredict likewise, whose answers are to have the length of
// the image.
func (c *client) fast(callers int, image []byte) *caller {
	req := &modelserving.FastInferenceRequest{RawImage: image}
	return c.calls(callers, func(ctx context.Context, conn *grpc.ClientConn) error {
		res := new(modelserving.InferenceResponse)
		if err := conn.Invoke(ctx, fastMethod, req, res); err != nil {
			return err
		}
		if len(res.GetShape()) != 1 || res.GetShape()[0] != int64(len(image)) {
			return fmt.Errorf("the answer has shape %v, not [%d]", res.GetShape(), len(image))
		}
		return nil
	})
}

// calls returns one call as so many callers make it, each of which takes the connections
// in turn.
func (c *client) calls(callers int, call func(context.Context, *grpc.ClientConn) error) *caller {
	// Counters are a cache line apart.
	type counter struct {
		n int
		_ [56]byte
	}
	next := make([]counter, callers)
	for i := range next {
		next[i].n = i
	}
	return &caller{close: c.close, do: func(ctx context.Context, caller int) error {
		conn := c.conns[next[caller].n%len(c.conns)]
		next[caller].n++
		return call(ctx, conn)
	}}
}

func (c *client) close() error {
	var errs error
	for _, conn := range c.conns {
		errs = errors.Join(errs, conn.Close())
	}
	return errs
}

// newRequest is a request of the identity model whose input is payload, as float32
// values.
func newRequest(payload []byte) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName: identityModel,
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: "input", Datatype: tensor.FP32.String(), Shape: []int64{int64(len(payload) / 4)},
		}},
		RawInputContents: [][]byte{payload},
	}
}
