package main

import (
	"context"
	"strconv"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
)

const (
	// plainModel takes a few milliseconds for a picture of plainSize x plainSize pixels,
	// 3 kB: under overload requests come by the thousands, and are not to be work for the
	// client, which shares the server's cores.
	plainModel = "plain16"
	plainSize  = 16
	// oneInstance is how many calls of a model run at once: one core is the model's, and
	// the others are left to the requests.
	oneInstance = 1
)

func plain() servedModel {
	return servedModel{name: plainModel, file: model.Plain(plainSize, 8, 128).Encode()}
}

// plainRequest carries a picture for it.
func plainRequest(b *bench) *modelserving.FastInferenceRequest {
	r := b.image.asBytes(plainModel)
	r.RawImage = r.GetRawImage()[:4*model.ImageChannels*plainSize*plainSize]
	r.Shape = []int64{1, model.ImageChannels, plainSize, plainSize}
	return r
}

// withOneInstance calls do while a server has one model, of one instance. args are more of
// the server's.
func (b *bench) withOneInstance(ctx context.Context, m servedModel, args []string, do func(watched) error) error {
	return b.withServer(ctx, []servedModel{m}, append([]string{"--instances", strconv.Itoa(oneInstance)}, args...), func(_ string, server *process.Process) error {
		return do(watched{Process: server, scraper: newHTTPClient(http1)})
	})
}
