package handler

import (
	"net/http"
	"time"
)

// infer runs a model. The body is the protocol's JSON, with tensors behind it where
// the header says so; or one tensor; or an encoded image. Its media type decides on
// images alone: clients of the protocol send any, and no two the same.
func (s *REST) infer(w http.ResponseWriter, r *http.Request) (err error) {
	started := time.Now()
	if isImageType(r.Header.Get("Content-Type")) {
		return s.inferImage(w, r, started)
	}
	jsonLength, err := readJSONLength(r)
	if err != nil {
		return err
	}
	body, err := s.readBody(r, jsonLength)
	if err != nil {
		return err
	}
	// The inputs lie in the body until the model has taken them, which is when run
	// returns, unless its caller has left.
	defer func() {
		if !abandoned(err) {
			body.free()
		}
	}()
	if jsonLength == 0 {
		return s.inferRaw(w, r, body, started)
	}
	if jsonLength < 0 {
		if err := checkMeant(r.Header.Get("Content-Type"), body.bytes()); err != nil {
			return err
		}
	}
	req := &inferRequest{model: r.PathValue("model"), version: r.PathValue("version"), started: started}
	binary, err := readInfer(req, body.bytes(), jsonLength)
	if err != nil {
		return err
	}
	result, err := s.inference.run(r.Context(), req)
	if err != nil {
		return err
	}
	if len(req.outputs) == 0 {
		for i := range result.outputs {
			result.outputs[i].binary = binary
		}
	}
	return s.writeResult(w, r, result)
}

// readInfer reads a request of its body, and returns whether outputs that are not
// named are wanted behind the JSON.
func readInfer(req *inferRequest, content []byte, jsonLength int) (binary bool, err error) {
	switch {
	case jsonLength > len(content):
		return false, invalidf("%s is %d, but the body has %d bytes", jsonLengthHeader, jsonLength, len(content))
	case jsonLength < 0:
		jsonLength = len(content)
	}
	return readRequest(req, content[:jsonLength], content[jsonLength:])
}
