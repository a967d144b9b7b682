package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// crowd are clients that no server likes. Their addresses are not those of the others.
type crowd struct {
	server   *server
	healthy  []model
	crashers []onnxtest.Crasher
}

// badPeer returns an address of the crowd.
func badPeer(i int) string { return fmt.Sprintf("127.0.0.%d", 2+i%200) }

// runCrashers returns the models whose runs crash or do not end.
func runCrashers() []onnxtest.Crasher {
	var list []onnxtest.Crasher
	for _, c := range onnxtest.Crashers() {
		if !c.AtLoad {
			list = append(list, c)
		}
	}
	return list
}

// hungry is a model that allocates as many floats as its input says.
const hungry = "hungry"

// models returns the models that the crowd asks for.
func (c *crowd) models() []model {
	g := onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "ConstantOfShape", Inputs: []string{"x"}, Outputs: []string{"zeros"}},
			{Op: "ReduceMax", Inputs: []string{"zeros"}, Outputs: []string{"y"}},
		},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Int64, Dims: []any{1}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Unranked: true}},
	}
	all := []model{{name: hungry, onnx: g.Encode()}}
	for i, crasher := range c.crashers {
		all = append(all, model{name: crasherName(i), onnx: crasher.Model, config: "parameters { key: \"run_timeout\" value { string_value: \"3s\" } }\n"})
	}
	return all
}

func crasherName(i int) string { return fmt.Sprintf("crasher%d", i) }

// ask sends a request from an address of the crowd, whose response may be an error. It must
// have one.
func (c *crowd) ask(ctx context.Context, r *rand.Rand, q request) error {
	h := httpClient(badPeer(r.IntN(200)), true)
	defer h.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	err := overRPC(h, "http://"+c.server.address, false, connecthttp.WithGRPC())(ctx, q)
	if _, isRPC := errors.AsType[*connect.Error](err); err != nil && (!isRPC || ctx.Err() != nil) {
		if _, wrong := errors.AsType[*wrongError](err); !wrong { // these requests have no right answer
			return fmt.Errorf("model %s: no answer: %w", q.model, err)
		}
	}
	return nil
}

// crash sends a request that crashes or does not end.
func (c *crowd) crash(ctx context.Context, r *rand.Rand) error {
	i := r.IntN(len(c.crashers))
	return c.ask(ctx, r, crashRequest(crasherName(i), c.crashers[i]))
}

// crashRequest returns the request of a crasher. Its inputs are named in the order of names.
func crashRequest(name string, crasher onnxtest.Crasher) request {
	names := []string{"x", "k"}
	if len(crasher.Inputs) == 2 && crasher.Inputs[0].DataType != tensor.FP32 {
		names = []string{"a", "b"}
	}
	q := request{model: name}
	for i, in := range crasher.Inputs {
		q.inputs = append(q.inputs, value{names[i], in.DataType.String(), in.Shape, in.Data})
	}
	return q
}

// allocate asks for more memory than a worker may have: as much as is refused at once, or as
// much as is measured later.
func (c *crowd) allocate(ctx context.Context, r *rand.Rand) error {
	floats := int64(1) << (28 + r.IntN(3))
	return c.ask(ctx, r, request{model: hungry, inputs: []value{numbers("x", "INT64", []int64{1}, func(int) int64 { return floats })}})
}

// leave sends requests to healthy models and does not wait for the responses.
func (c *crowd) leave(ctx context.Context, r *rand.Rand) error {
	peer := newClients(badPeer(r.IntN(200)))
	defer peer.close()
	roads := peer.roads(c.server.address)
	for range 8 {
		to, m := roads[r.IntN(len(roads))], c.healthy[r.IntN(len(c.healthy))]
		q := m.ask(r, to.large)
		if to.image && q.image == nil {
			continue
		}
		patience, cancel := context.WithTimeout(ctx, time.Duration(r.Int64N(int64(60*time.Millisecond))))
		_ = to.send(patience, q) // it may have been answered in time
		cancel()
	}
	return nil
}
