package oiprest

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// inferImage runs a model on a body that is an encoded image. Where the model classifies,
// the answer has the best classes of the first output, in the form of the protocol's
// classification extension; else it has all outputs.
func (h *Handler) inferImage(w http.ResponseWriter, r *http.Request, started time.Time) error {
	classes, err := readTopK(r)
	if err != nil {
		return err
	}
	body, err := h.readBody(r, -1)
	if err != nil {
		return err
	}
	defer body.free()
	lease, err := h.runner.Lease(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	defer lease.Release()
	contentType := r.Header.Get(wire.HeaderContentType)
	if err := takesImage(lease.Version, contentType, body.bytes()); err != nil {
		return err
	}
	result, err := h.runner.RunLeased(r.Context(), lease, &infer.Request{
		Image:   &imageinput.Source{Image: body.bytes(), ContentType: contentType},
		Form:    infer.Labels,
		TopK:    classes,
		Started: started,
	})
	if err != nil {
		return named(err)
	}
	return h.writeResult(w, r, result, binaryOutputs{})
}

// named returns err with the fields of an image input named as this API names them.
func named(err error) error {
	if input, ok := errors.AsType[*imageinput.Error](err); ok {
		return input.Named(fieldName)
	}
	return err
}

func fieldName(field imageinput.Field) string {
	if field == imageinput.FieldImage {
		return "body"
	}
	return field.String()
}

// readTopK returns the number of classes that the query asks for.
func readTopK(r *http.Request) (int, error) {
	text := r.URL.Query().Get("top_k")
	if text == "" {
		return infer.DefaultTopK, nil
	}
	k, err := strconv.ParseInt(text, 10, 32)
	if err != nil || k < 1 {
		return 0, infer.Invalidf("top_k is %q: give the number of classes to return, or leave it out for %d", text, infer.DefaultTopK)
	}
	return int(k), nil
}

// checkJSON reports content that should be JSON and is an image or a form: what curl sends
// with one option missing or another added.
func checkJSON(contentType string, content []byte) error {
	if format := vision.Sniff(content); format != "" {
		return infer.Invalidf("body: it begins like an image, and Content-Type is %q: send it with Content-Type: %s", contentType, format.MediaType())
	}
	if strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		return infer.Invalidf("Content-Type is %q, and forms are not supported: send JSON, or an image with its own Content-Type, as the body itself", contentType)
	}
	return nil
}

// takesImage reports why the model does not take content as an image.
func takesImage(v *infer.Version, contentType string, content []byte) error {
	input := v.Serving.ImageInput()
	switch {
	case input == nil:
		return infer.Invalidf("Content-Type is %q, but model %q takes %d inputs, and an image is one: send them as JSON", contentType, v.Model, len(v.Signature.Inputs))
	case input.Reason() != "":
		return infer.Invalidf("Content-Type is %q, but model %q does not take an image: %s: send it as JSON", contentType, v.Model, input.Reason())
	case !v.Serving.TakesImages():
		spec := input.Spec()
		return infer.Invalidf("Content-Type is %q, but model %q does not take an image (its input %q is %v of %v): send it as JSON", contentType, v.Model, spec.Name, spec.DataType, spec.Shape)
	case len(content) == 0:
		return infer.Invalidf("Content-Type is %q, but the body is empty: send the image's bytes", contentType)
	case vision.Sniff(content) == "":
		return infer.Invalidf("Content-Type is %q, but the %d bytes of the body are no JPEG, PNG, GIF, WebP, BMP or TIFF image", contentType, len(content))
	}
	return nil
}
