package oiprest

import (
	"context"
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// infer runs a model. The body is the protocol's JSON, with tensors after it where the
// header gives the length of the JSON; or one tensor; or an encoded image. The media type
// only distinguishes images: clients of the protocol send all kinds of it.
func (h *Handler) infer(w http.ResponseWriter, r *http.Request) (err error) {
	started := time.Now()
	if imageinput.IsImageType(r.Header.Get(wire.HeaderContentType)) {
		return h.inferImage(w, r, started)
	}
	jsonLength, err := readJSONLength(r)
	if err != nil {
		return err
	}
	body, err := h.readBody(r, jsonLength)
	if err != nil {
		return err
	}
	// The inputs alias the body, which the model reads until the run returns, or longer
	// when the run was abandoned.
	defer func() {
		if !infer.Abandoned(err) {
			body.free()
		}
	}()
	if jsonLength == 0 {
		return h.inferRaw(w, r, body, started)
	}
	if err := checkNoQuery(r); err != nil {
		return err
	}
	if jsonLength < 0 {
		if err := checkJSON(r.Header.Get(wire.HeaderContentType), body.bytes()); err != nil {
			return err
		}
	}
	req := &infer.Request{Model: r.PathValue("model"), Version: r.PathValue("version"), Started: started}
	binary, err := readInfer(r.Context(), req, body.bytes(), jsonLength)
	if err != nil {
		return err
	}
	result, err := h.runner.Run(r.Context(), req)
	if err != nil {
		return err
	}
	return h.writeResult(w, r, result, binary)
}

// readInfer reads a request from its body, and reserves what its tensors take in the account of
// ctx beyond what is reserved for the body: as much as the body again.
func readInfer(ctx context.Context, req *infer.Request, content []byte, jsonLength int) (binaryOutputs, error) {
	switch {
	case jsonLength > len(content):
		return binaryOutputs{}, infer.Invalidf("%s is %d, but the body has %d bytes", wire.HeaderJSONLength, jsonLength, len(content))
	case jsonLength < 0:
		jsonLength = len(content)
	}
	excess := -int64(len(content))
	return readRequest(req, content[:jsonLength], content[jsonLength:], func(n int64) error {
		if excess += n; excess < admission.MinHold {
			return nil // of many small tensors the sum counts
		}
		n, excess = excess, 0
		return admission.Grow(ctx, n)
	})
}
