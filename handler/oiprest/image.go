package oiprest

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// inferImage runs a model on a body that is an encoded image. The answer has the outputs
// that the query names. Without names it has, where the model classifies, the best classes
// of the score output, in the form of the protocol's classification extension; else all
// outputs.
func (h *Handler) inferImage(w http.ResponseWriter, r *http.Request, started time.Time) error {
	query, err := readQuery(r, false)
	if err != nil {
		return err
	}
	body, err := h.readBody(r, -1)
	if err != nil {
		return err
	}
	defer body.free()
	lease, err := h.runner.Lease(r.Context(), r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	defer lease.Release()
	contentType := r.Header.Get(wire.HeaderContentType)
	if err := takesImage(lease.Version, contentType, body.bytes()); err != nil {
		return err
	}
	req := &infer.Request{
		Image:   &imageinput.Source{Image: body.bytes(), ContentType: contentType},
		Outputs: query.wanted(lease.Serving.Outputs()),
		Started: started,
	}
	if len(req.Outputs) == 0 {
		req.Form, req.TopK = infer.Labels, cmp.Or(query.topK, infer.DefaultTopK)
	}
	result, err := h.runner.RunLeased(r.Context(), lease, req)
	if err != nil {
		return named(err)
	}
	return h.writeResult(w, r, result, binaryOutputs{all: query.binary})
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

// checkJSON reports content that should be JSON and is an image, another file or a form: what
// curl sends with one option missing or another added.
func checkJSON(contentType string, content []byte) error {
	if format := vision.Sniff(content); format != "" {
		return infer.Invalidf("body: it begins like an image, and Content-Type is %q: send it with Content-Type: %s", contentType, format.MediaType())
	}
	if strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		return infer.Invalidf("Content-Type is %q, and forms are not supported: send JSON, or an image with its own Content-Type, as the body itself", contentType)
	}
	if vision.Describe(content).Certain && !startsObject(content) {
		return infer.Invalidf("body: Content-Type is %q, but %s", contentType, vision.NotImage(content))
	}
	return nil
}

// startsObject reports whether content begins with a JSON object, also behind a byte order mark,
// which the reader of JSON explains.
func startsObject(content []byte) bool {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	return bytes.HasPrefix(bytes.TrimLeft(content, " \t\r\n"), []byte("{"))
}

// takesImage reports why the model does not take content as an image.
func takesImage(v *infer.Version, contentType string, content []byte) error {
	input := v.Serving.ImageInput()
	switch {
	case input == nil:
		return infer.Invalidf("Content-Type is %q, but model %q takes %d inputs, and an image is one: send them as JSON", contentType, v.Model, len(v.Signature.Required()))
	case input.Reason() != "":
		return infer.Invalidf("Content-Type is %q, but model %q does not take an image: %s: send it as JSON", contentType, v.Model, input.Reason())
	case !v.Serving.TakesImages():
		spec := input.Spec()
		return infer.Invalidf("Content-Type is %q, but model %q does not take an image (its input %q is %v of %v): send it as JSON", contentType, v.Model, spec.Name, spec.DataType, spec.Shape)
	case len(content) == 0:
		return infer.Invalidf("Content-Type is %q, but the body is empty: send the image's bytes", contentType)
	case vision.Sniff(content) == "":
		return infer.Invalidf("body: Content-Type is %q, but %s", contentType, vision.NotImage(content))
	}
	return nil
}
