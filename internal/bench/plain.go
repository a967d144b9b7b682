package main

import (
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/bench/model"
)

const (
	// plainModel takes a few milliseconds for a picture of plainSize x plainSize pixels,
	// 3 kB: under overload requests come by the thousands, and are not to be work for the
	// client, which shares the server's cores.
	plainModel = "plain16"
	plainSize  = 16
	// plainInstances is how many of its calls run at once: one core is the model's, and
	// the others are left to the requests.
	plainInstances = 1
)

func plain() *model.Graph { return model.Plain(plainSize, 8, 128) }

// plainRequest carries a picture for it.
func plainRequest(b *bench) *modelserving.FastInferenceRequest {
	r := b.image.asBytes(plainModel)
	r.RawImage = r.GetRawImage()[:4*model.ImageChannels*plainSize*plainSize]
	r.Shape = []int64{1, model.ImageChannels, plainSize, plainSize}
	return r
}
