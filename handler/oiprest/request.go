package oiprest

import (
	"bytes"
	"fmt"
	"iter"
	"maps"

	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
)

// The parameters of the binary tensor data extension.
const (
	binarySizeParameter   = "binary_data_size"
	binaryParameter       = "binary_data"
	binaryOutputParameter = "binary_data_output"
)

// requestReader reads the protocol's JSON form of a request.
type requestReader struct {
	*tensorjson.Scanner
	request *infer.Request
	// binarySizes are the numbers of bytes that each input of the request has after the
	// JSON; -1 where it has none there.
	binarySizes []int64
	// outputs are the parameters of the request's outputs.
	outputs []parameters
	// entries are the inputs, outputs and parameters so far.
	entries int
	// hold reserves memory for n bytes of tensors, before they are read from the JSON.
	hold func(n int64) error
	// within names the tensor that is being read, and own is an error that names it.
	within string
	own    error
}

// parameters are those of a request or a tensor.
type parameters map[string]infer.Parameter

func (p parameters) get(name string) infer.Parameter { return p[name] }

// binaryOutputs are the outputs to write after the answer's JSON.
type binaryOutputs struct {
	// named has an entry for each output that the request names.
	named []bool
	// all is for the outputs of a request that names none.
	all bool
}

// has reports whether the output of that index is one of them.
func (b *binaryOutputs) has(output int) bool {
	if b.named == nil {
		return b.all
	}
	return b.named[output]
}

// readRequest reads a request from its JSON and the tensors after it, which the inputs
// then alias.
//
// It ignores members that the protocol does not have, and unknown parameters: clients of
// other servers send some. hold reserves memory for n bytes of tensors.
func readRequest(request *infer.Request, text, tensors []byte, hold func(n int64) error) (binary binaryOutputs, err error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return binary, infer.Invalidf("body: it is empty: send the request as JSON")
	}
	r := &requestReader{Scanner: tensorjson.NewScanner(text), request: request, hold: hold}
	var own parameters
	for key := range r.members() {
		if r.Null() {
			continue
		}
		switch string(key) {
		case "id":
			request.ID = string(r.Text())
		case "parameters":
			own = r.parameters()
		case "inputs":
			for range r.items() {
				r.input()
			}
		case "outputs":
			for range r.items() {
				r.output()
			}
		}
	}
	if err := r.End(); err != nil {
		return binary, r.failed(err)
	}
	if request.Parameters, err = infer.ReadParameters(maps.Keys(own), own.get); err != nil {
		return binary, err
	}
	if binary.all, err = own.truth(binaryOutputParameter); err != nil {
		return binary, err
	}
	if len(request.Outputs) > 0 {
		binary.named = make([]bool, len(request.Outputs))
	}
	for i := range request.Outputs {
		if binary.named[i], err = readOutputParameters(&request.Outputs[i], r.outputs[i], binary.all); err != nil {
			return binary, err
		}
	}
	return binary, r.takeTensors(tensors)
}

// members reads an object, as Scanner.Object does, of a bounded number of members: each takes
// more memory than its text.
func (r *requestReader) members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		count := 0
		for key := range r.Object() {
			if count++; count > decoded.MaxEntries {
				r.Fail(fmt.Errorf("the object has more than %d members", decoded.MaxEntries))
				return
			}
			if !yield(key) {
				return
			}
		}
	}
}

// items reads an array, as Scanner.Array does, of a bounded number of items.
func (r *requestReader) items() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range r.Array() {
			if i == decoded.MaxEntries {
				r.Fail(fmt.Errorf("there are more than %d", decoded.MaxEntries))
				return
			}
			if !r.countEntry() || !yield(i) {
				return
			}
		}
	}
}

// countEntry counts an input, an output or a parameter. It reports whether there are few enough.
func (r *requestReader) countEntry() bool {
	if r.entries++; r.entries > decoded.MaxTotal {
		r.fail(infer.Invalidf("body: the request has more than %d inputs, outputs and parameters together: send fewer", decoded.MaxTotal))
	}
	return r.Err() == nil
}

// fail ends the reading with an error that names its own place.
func (r *requestReader) fail(err error) {
	if r.Err() == nil {
		r.own = err
		r.Fail(err)
	}
}

// failed returns the error that ended the reading. The path in an error of the JSON only
// has the index of a tensor, so the tensor's name comes first.
func (r *requestReader) failed(err error) error {
	switch {
	case r.own != nil:
		return r.own
	case r.within != "":
		return infer.Invalidf("%s: %v", r.within, err)
	default:
		return infer.Invalidf("body: %v", err)
	}
}

// parameters reads an object of parameters.
func (r *requestReader) parameters() parameters {
	p := parameters{}
	for key := range r.members() {
		if !r.countEntry() {
			break
		}
		switch kind := r.Kind(); kind {
		case tensorjson.Null:
		case tensorjson.Object, tensorjson.Array: // which no parameter takes
			p[string(key)] = infer.OtherParameter(kind.String())
		default:
			p[string(key)] = parameterOf(r.Parameter())
		}
	}
	return p
}

// parameterOf returns a value of [tensorjson.Scanner.Parameter].
func parameterOf(value any) infer.Parameter {
	switch v := value.(type) {
	case string:
		return infer.TextParameter(v)
	case bool:
		return infer.BoolParameter(v)
	case int64:
		return infer.IntParameter(v)
	case uint64:
		return infer.UintParameter(v)
	case float64:
		return infer.FloatParameter(v)
	}
	return infer.Parameter{} // the text is malformed
}

// truth returns a parameter that is true or false; false where there is none.
func (p parameters) truth(name string) (bool, error) {
	value := p[name]
	truth, ok := value.Bool()
	if !ok && value.Exists() {
		return false, infer.Invalidf("parameter %s is %v: give true or false", name, value)
	}
	return truth, nil
}
