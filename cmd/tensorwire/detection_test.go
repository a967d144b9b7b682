package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// detectorSize is that of the images of a detector whose boxes are large enough not to be
// copied.
const detectorSize = 128

// detectorImage returns an image of one color, and what the detector makes of it.
func detectorImage(t *testing.T, gray uint8) (picture []byte, boxes, labels []byte) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, detectorSize, detectorSize))
	for i := range img.Pix {
		img.Pix[i] = gray
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	values := slices.Repeat([]float32{float32(gray) / 255}, 3*detectorSize*detectorSize)
	return b.Bytes(), tensor.AsBytes(values), make([]byte, len(values)/4*8)
}

func isDetection(res *modelserving.InferenceResponse, boxes, labels []byte) bool {
	outputs := res.GetOutputs()
	return len(outputs) == 2 && outputs[0].GetName() == "labels" && outputs[0].GetDatatype() == "INT64" && bytes.Equal(outputs[0].GetData(), labels) &&
		outputs[1].GetName() == "boxes" && slices.Equal(outputs[1].GetShape(), []int64{int64(len(boxes) / 16), 4}) && bytes.Equal(outputs[1].GetData(), boxes) &&
		bytes.Equal(tensor.AsBytes(res.GetPredictions()), boxes)
}

// TestOutputsByNameOverEveryProtocol requests outputs of images over every protocol,
// encoding and version of HTTP. The memory of outputs is overwritten when it is released.
func TestOutputsByNameOverEveryProtocol(t *testing.T) {
	defer bufpool.Poison(bufpool.Poison(true))
	dir := t.TempDir()
	onnxtest.Detector(detectorSize).Write(t, filepath.Join(dir, "detector", "1", "model.onnx"))
	for _, isolation := range []string{"auto", "off"} {
		p := start(t, "--models", dir, "--isolation", isolation)
		for _, h2 := range []bool{false, true} {
			h := newClient(t, h2, nil)
			for protocol, protocolOptions := range protocols {
				for encoding, encodingOptions := range encodings {
					if protocol == "grpc" && !h2 {
						continue // gRPC needs HTTP/2
					}
					t.Run(fmt.Sprintf("isolation %s %s %s HTTP/2 %v", isolation, protocol, encoding, h2), func(t *testing.T) {
						c := client(h, p.url, slices.Concat(protocolOptions, encodingOptions)...)
						testDetections(t, c)
						if h2 {
							testDetectionStream(t, c)
						}
					})
				}
			}
			testDetectionsOverREST(t, h, p.url)
		}
	}
}

func testDetections(t *testing.T, c modelservingconnect.PredictorClient) {
	t.Helper()
	wanted := []string{"labels", "boxes"}
	for gray := range uint8(3) {
		picture, boxes, labels := detectorImage(t, gray)
		fast, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: picture, Outputs: wanted})
		if err != nil || !isDetection(fast, boxes, labels) {
			t.Errorf("FastPredict: %.300v, %v", fast, err)
		}
		predicted, err := c.Predict(t.Context(), &modelserving.InferenceRequest{RawImage: picture, Outputs: wanted})
		if err != nil || !isDetection(predicted, boxes, labels) {
			t.Errorf("Predict: %.300v, %v", predicted, err)
		}
		some, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: picture, Outputs: wanted[:1]})
		if err != nil || len(some.GetOutputs()) != 1 || len(some.GetPredictions()) != 0 {
			t.Errorf("one output: %.300v, %v", some, err)
		}
		_, err = c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: picture, Outputs: []string{"masks"}})
		if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), `"boxes", "scores", "labels"`) {
			t.Errorf("an unknown output: %v", err)
		}
	}
}

func testDetectionStream(t *testing.T, c modelservingconnect.PredictorClient) {
	t.Helper()
	stream, err := c.StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	const frames = 6
	for i := range frames {
		picture, _, _ := detectorImage(t, uint8(i))
		if err := stream.Send(&modelserving.InferenceRequest{Id: strconv.Itoa(i), RawImage: picture, Outputs: []string{"labels", "boxes"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		_, boxes, labels := detectorImage(t, uint8(i))
		res, err := stream.Receive()
		if err != nil || res.GetId() != strconv.Itoa(i) || !isDetection(res, boxes, labels) {
			t.Fatalf("frame %d: %.300v, %v", i, res, err)
		}
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

func testDetectionsOverREST(t *testing.T, h *http.Client, url string) {
	t.Helper()
	picture, boxes, labels := detectorImage(t, 200)
	for query, want := range map[string][]byte{
		"?outputs=labels,boxes&binary_data_output=true":         slices.Concat(labels, boxes),
		"?outputs=boxes&outputs=labels&binary_data_output=true": slices.Concat(boxes, labels),
		"?outputs=labels&binary_data_output=true":               labels,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v2/models/detector/infer"+query, bytes.NewReader(picture))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "image/png")
		res, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		length, _ := strconv.Atoi(res.Header.Get("Inference-Header-Content-Length"))
		if err != nil || res.StatusCode != http.StatusOK || length == 0 || !bytes.Equal(body[length:], want) {
			t.Errorf("%s: %d, %d bytes, %v", query, res.StatusCode, len(body), err)
		}
	}
}
