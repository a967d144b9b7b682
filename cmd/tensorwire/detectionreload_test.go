package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// TestOutputsByNameDuringReloads requests outputs concurrently over every protocol and
// encoding, as an image and as numbers, while the model is loaded again and other clients
// leave. A response that reads memory of a session that has been closed, or of a buffer that has
// been released, has other values, or the pool's poison.
func TestOutputsByNameDuringReloads(t *testing.T) {
	defer bufpool.Poison(bufpool.Poison(true))
	dir := t.TempDir()
	file := filepath.Join(dir, "detector", "1", "model.onnx")
	onnxtest.Detector(detectorSize).Write(t, file)
	p := start(t, "--models", dir, "--model-control", "explicit", "--load-model", "*")
	ended, end := context.WithCancel(t.Context())
	defer end()
	var clients sync.WaitGroup
	for protocol, protocolOptions := range protocols {
		for encoding, encodingOptions := range encodings {
			c := client(newClient(t, true, nil), p.url, slices.Concat(protocolOptions, encodingOptions)...)
			clients.Go(func() {
				for i := 0; ended.Err() == nil; i++ {
					if err := detect(ended, t, c, i); err != nil && ended.Err() == nil {
						t.Errorf("%s, %s: %v", protocol, encoding, err)
						return
					}
				}
			})
		}
	}
	control := grpcClient(t, p)
	for i := range 12 {
		now := time.Unix(int64(1_000_000*(i+1)), 0)
		if err := os.Chtimes(file, now, now); err != nil {
			t.Fatal(err)
		}
		if _, err := control.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "detector"}); err != nil {
			t.Fatal(err)
		}
	}
	end()
	clients.Wait()
}

// detect makes call i: with an image or with numbers. Each third one may be cancelled.
func detect(ctx context.Context, t *testing.T, c modelservingconnect.PredictorClient, i int) error {
	t.Helper()
	leaves := i%3 == 2
	if leaves {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, rand.N(20*time.Millisecond))
		defer leave()
	}
	gray := uint8(1 + i%200)
	picture, boxes, labels := detectorImage(t, gray)
	req := &modelserving.InferenceRequest{ModelName: "detector", Outputs: []string{"labels", "boxes"}}
	if i%2 == 0 {
		req.RawImage = picture
	} else {
		values, err := tensor.Float32s(tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{int64(len(boxes) / 4)}, Data: boxes})
		if err != nil {
			return err
		}
		req.TensorData, req.Shape = values, []int64{1, 3, detectorSize, detectorSize}
	}
	res, err := c.Predict(ctx, req)
	switch {
	case err != nil && leaves:
		return nil
	case err != nil:
		return err
	case !isDetection(res, boxes, labels):
		return fmt.Errorf("a wrong answer: %.300v", res)
	}
	return nil
}
