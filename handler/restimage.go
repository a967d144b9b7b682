package handler

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// inferImage runs a model on a body that is an encoded image, which the Predictor
// would take as raw_image. What the Predictor gives classifications for is answered by
// those of the first output, as the protocol's classification extension has them; what
// it does not, by all outputs.
func (s *REST) inferImage(w http.ResponseWriter, r *http.Request, started time.Time) error {
	classes, err := readTopK(r)
	if err != nil {
		return err
	}
	body, err := s.readBody(r, -1)
	if err != nil {
		return err
	}
	defer body.free()
	lease, err := s.inference.models.Acquire(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	defer lease.Release()
	front := lease.Serving
	if err := front.takesImage(r.Header.Get("Content-Type"), body.bytes()); err != nil {
		return err
	}
	picture := &request{rawImage: body.bytes(), contentType: r.Header.Get("Content-Type")}
	ctx, cancel := ceiling(r.Context(), s.inference.options.MaxDeadline)
	defer cancel()
	input, err := s.predictor.makeInput(ctx, lease, picture, &stopwatch{})
	if err != nil {
		lease.Statistics.Arrived()
		lease.Statistics.Failed(time.Since(started))
		return &imageError{overCeiling(ctx, err)}
	}
	result, err := s.inference.runOn(ctx, lease, &inferRequest{
		inputs:  []inferInput{{name: front.input.Name, Tensor: input}},
		started: started,
	})
	if err != nil {
		return err
	}
	front.label(result, classes)
	return s.writeResult(w, r, result)
}

// readTopK returns how many classes the query asks for.
func readTopK(r *http.Request) (int, error) {
	text := r.URL.Query().Get("top_k")
	if text == "" {
		return defaultTopK, nil
	}
	k, err := strconv.ParseInt(text, 10, 32)
	if err != nil || k < 1 {
		return 0, invalidf("top_k is %q: give how many classes to answer with, or leave it out for %d", text, defaultTopK)
	}
	return int(k), nil
}

// checkMeant reports what content that is to be JSON was meant to be, where that can be
// told: what curl sends with one option left out or another put in.
func checkMeant(contentType string, content []byte) error {
	if format := vision.Sniff(content); format != "" {
		return invalidf("body: it begins like an image, and Content-Type is %q: send it with Content-Type: %s", contentType, format.MediaType())
	}
	if strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		return invalidf("Content-Type is %q, and forms are not taken: send JSON, or an image with its own Content-Type, as the body itself", contentType)
	}
	return nil
}

// takesImage reports why the model does not take content as an image.
func (f *Serving) takesImage(contentType string, content []byte) error {
	switch {
	case f.input == nil:
		return invalidf("Content-Type is %q, but model %q takes %d inputs, and an image is one: send them as JSON", contentType, f.version.Model, len(f.version.Signature.Inputs))
	case f.image == nil:
		return invalidf("Content-Type is %q, but model %q does not take an image (its input %q is %v of %v): send it as JSON", contentType, f.version.Model, f.input.Name, f.input.DataType, f.input.Shape)
	case len(content) == 0:
		return invalidf("Content-Type is %q, but the body is empty: send the image's bytes", contentType)
	case vision.Sniff(content) == "":
		return invalidf("Content-Type is %q, but the %d bytes of the body begin like no JPEG, PNG, GIF, WebP, BMP or TIFF", contentType, len(content))
	}
	return nil
}

// imageError is an error of the Predictor. What it says of its field raw_image is said of
// the body here.
type imageError struct{ cause error }

func (e *imageError) Error() string {
	text := e.cause.Error()
	if about, ok := strings.CutPrefix(text, "raw_image: "); ok {
		return "body: " + about
	}
	return text
}

func (e *imageError) Unwrap() error { return e.cause }

// label puts the best classes of the first output in the place of all outputs, where
// the Predictor would classify it.
func (f *Serving) label(result *inferResult, classes int) {
	first := f.version.Signature.Outputs[0].Name
	at := slices.IndexFunc(result.outputs, func(out inferredOutput) bool { return out.name == first })
	if at < 0 {
		return
	}
	out := &result.outputs[at]
	values, err := tensor.Float32s(out.Tensor)
	if rows, _, ok := classRows(out.Shape); err != nil || !ok || rows != 1 {
		return
	}
	var answer modelserving.InferenceResponse
	f.classifier.answer(&answer, slices.Clone(values), out.Shape, classes)
	if len(answer.GetClassifications()) == 0 {
		return
	}
	var text, data []byte
	for _, class := range answer.GetClassifications() {
		text = append(formatFloat(text[:0], class.GetScore()), ':')
		text = strconv.AppendInt(text, int64(class.GetIndex()), 10)
		if label := class.GetLabel(); label != "" {
			text = append(append(text, ':'), label...)
		}
		data = tensor.AppendElement(data, text)
	}
	out.Tensor = tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{int64(len(answer.GetClassifications()))}, Data: data}
	result.outputs = result.outputs[at : at+1]
}
