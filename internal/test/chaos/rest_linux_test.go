package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// statusError is an error response of REST.
type statusError struct {
	status int
	text   string
	// retry reports that the response said when to retry.
	retry bool
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.text) }

// jsonTensor is a tensor of REST.
type jsonTensor struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int64         `json:"shape"`
	Data       json.RawMessage `json:"data,omitempty"`
	Parameters map[string]any  `json:"parameters,omitempty"`
}

// overREST returns a client of REST, with numbers or with binary data.
func overREST(h *http.Client, url string, binary bool) send {
	return func(ctx context.Context, q request) error {
		body, head, err := restBody(q, binary)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/models/"+q.model+"/infer", bytes.NewReader(body))
		if err != nil {
			return err
		}
		if binary {
			request.Header.Set("Inference-Header-Content-Length", strconv.Itoa(head))
		}
		content, header, err := exchange(h, request)
		if err != nil {
			return err
		}
		outputs, err := restOutputs(content, header)
		if err != nil {
			return wrongf("%v: %.200s", err, content)
		}
		return q.check(outputs)
	}
}

// restBody returns the body of a request and the length of its JSON.
func restBody(q request, binary bool) (body []byte, head int, err error) {
	message := struct {
		Inputs     []jsonTensor   `json:"inputs"`
		Parameters map[string]any `json:"parameters,omitempty"`
	}{}
	var after []byte
	for _, input := range q.inputs {
		t := jsonTensor{Name: input.name, Datatype: input.datatype, Shape: input.shape}
		if binary {
			t.Parameters = map[string]any{"binary_data_size": len(input.raw)}
			after = append(after, input.raw...)
		} else if t.Data, err = toJSON(input); err != nil {
			return nil, 0, err
		}
		message.Inputs = append(message.Inputs, t)
	}
	if binary {
		message.Parameters = map[string]any{"binary_data_output": true}
	}
	body, err = json.Marshal(message)
	return append(body, after...), len(body), err
}

// exchange sends a request and returns the body of a response without an error.
func exchange(h *http.Client, request *http.Request) ([]byte, http.Header, error) {
	response, err := h.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode != http.StatusOK {
		_, retry := time.ParseDuration(response.Header.Get("Retry-After") + "s")
		return nil, nil, &statusError{response.StatusCode, string(content[:min(len(content), 300)]), retry == nil}
	}
	return content, response.Header, nil
}

// restOutputs returns the outputs of a response.
func restOutputs(content []byte, header http.Header) ([]value, error) {
	head := len(content)
	if length := header.Get("Inference-Header-Content-Length"); length != "" {
		var err error
		if head, err = strconv.Atoi(length); err != nil || head > len(content) {
			return nil, fmt.Errorf("the JSON has %q of %d bytes", length, len(content))
		}
	}
	var message struct{ Outputs []jsonTensor }
	if err := json.Unmarshal(content[:head], &message); err != nil {
		return nil, err
	}
	var outputs []value
	rest := content[head:]
	for _, o := range message.Outputs {
		v := value{name: o.Name, datatype: o.Datatype, shape: o.Shape}
		if size, ok := o.Parameters["binary_data_size"].(float64); ok {
			if int(size) > len(rest) {
				return nil, fmt.Errorf("output %s has %v bytes, %d are left", o.Name, size, len(rest))
			}
			v.raw, rest = rest[:int(size)], rest[int(size):]
		} else if err := fromJSON(&v, o.Data); err != nil {
			return nil, err
		}
		outputs = append(outputs, v)
	}
	return outputs, nil
}

// toJSON returns the elements of a value.
func toJSON(v value) ([]byte, error) {
	switch v.datatype {
	case "FP32":
		return marshal[float32](v.raw)
	case "INT32":
		return marshal[int32](v.raw)
	case "INT64":
		return marshal[int64](v.raw)
	case "BYTES":
		list := []string{}
		for element := range tensor.BytesElements(v.raw) {
			list = append(list, string(element))
		}
		return json.Marshal(list)
	}
	return nil, fmt.Errorf("no JSON of %s", v.datatype)
}

func marshal[T tensor.Number](raw []byte) ([]byte, error) {
	list, _ := tensor.View[T](raw)
	return json.Marshal(list)
}

// fromJSON sets the elements of a value.
func fromJSON(v *value, data []byte) error {
	switch v.datatype {
	case "FP32":
		return unmarshal[float32](v, data)
	case "INT32":
		return unmarshal[int32](v, data)
	case "INT64":
		return unmarshal[int64](v, data)
	case "BYTES":
		var list []string
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, element := range list {
			v.raw = tensor.AppendElement(v.raw, []byte(element))
		}
		return nil
	}
	return fmt.Errorf("no JSON of %s", v.datatype)
}

func unmarshal[T tensor.Number](v *value, data []byte) error {
	var list []T
	err := json.Unmarshal(data, &list)
	v.raw = tensor.AsBytes(list)
	return err
}

// overImage sends an encoded image to REST.
func overImage(h *http.Client, url string) send {
	return func(ctx context.Context, q request) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/models/"+q.model+"/infer", bytes.NewReader(q.image))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "image/png")
		content, _, err := exchange(h, request)
		if err != nil {
			return err
		}
		var message struct{ Outputs []struct{ Data []string } }
		if err := json.Unmarshal(content, &message); err != nil || len(message.Outputs) != 1 || len(message.Outputs[0].Data) == 0 {
			return wrongf("%v: %.200s", err, content)
		}
		// A class is score:index:label.
		if best := message.Outputs[0].Data[0]; !bytes.HasSuffix([]byte(best), []byte(":"+q.class)) {
			return wrongf("the digit %s is %s", q.class, best)
		}
		return nil
	}
}
