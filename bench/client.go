package main

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/tensor"
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

// unary returns the calls of so many callers, each of which takes the connections in
// turn. check looks at each answer.
func (c *client) unary(callers int, req *inference.ModelInferRequest, check func(*inference.ModelInferResponse) error) *caller {
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
		res := new(inference.ModelInferResponse)
		if err := conn.Invoke(ctx, inferMethod, req, res); err != nil {
			return err
		}
		return check(res)
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
