package handler

import (
	"fmt"
	"iter"
	"maps"

	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

const (
	// maxMembers is the most members that an object of a request may have, and the most
	// inputs and outputs: what is read of each takes more memory than its text.
	maxMembers = 4096
	// The parameters of the binary tensor data extension.
	binarySizeParameter   = "binary_data_size"
	binaryParameter       = "binary_data"
	binaryOutputParameter = "binary_data_output"
)

// requestReader reads the protocol's JSON form of a request.
type requestReader struct {
	*tensorjson.Scanner
	request *inferRequest
	// binarySizes are how many bytes each input of the request has behind the JSON;
	// -1 where it has none there.
	binarySizes []int64
	// outputs are the parameters of the request's.
	outputs []parameters
	// within names the tensor that is being read, and own is an error that names it.
	within string
	own    error
}

// parameters are those of a request or a tensor. A value that is none of a
// parameter's is the kind of what was found, so that messages tell it.
type parameters map[string]any

func (p parameters) get(name string) any { return p[name] }

// readRequest reads a request of its JSON and the tensors behind it, which the inputs
// then alias. It returns whether outputs that are not named are wanted behind the
// answer's JSON.
//
// Members that the protocol does not have are left out, as are parameters that nobody
// here follows: clients of other servers send some.
func readRequest(request *inferRequest, text, tensors []byte) (binary bool, err error) {
	r := &requestReader{Scanner: tensorjson.NewScanner(text), request: request}
	var own parameters
	for key := range r.members() {
		if r.Null() {
			continue
		}
		switch string(key) {
		case "id":
			request.id = string(r.Text())
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
		return false, r.failed(err)
	}
	if request.parameters, err = readParameters(maps.Keys(own), own.get); err != nil {
		return false, err
	}
	if binary, err = own.truth(binaryOutputParameter); err != nil {
		return false, err
	}
	for i := range request.outputs {
		if err := request.outputs[i].readREST(r.outputs[i], binary); err != nil {
			return false, err
		}
	}
	return binary, r.takeTensors(tensors)
}

// members reads an object, as Scanner.Object does, of a bounded number of members.
func (r *requestReader) members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		count := 0
		for key := range r.Object() {
			if count++; count > maxMembers {
				r.Fail(fmt.Errorf("the object has more than %d members", maxMembers))
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
			if i == maxMembers {
				r.Fail(fmt.Errorf("there are more than %d", maxMembers))
				return
			}
			if !yield(i) {
				return
			}
		}
	}
}

// fail ends the reading with an error that says by itself where it is.
func (r *requestReader) fail(err error) {
	if r.Err() == nil {
		r.own = err
		r.Fail(err)
	}
}

// failed words the error that ended the reading. The path in one of the JSON has but
// the place of a tensor, so its name is put before it.
func (r *requestReader) failed(err error) error {
	switch {
	case r.own != nil:
		return r.own
	case r.within != "":
		return invalidf("%s: %v", r.within, err)
	default:
		return invalidf("body: %v", err)
	}
}

// parameters reads an object of parameters.
func (r *requestReader) parameters() parameters {
	p := parameters{}
	for key := range r.members() {
		switch kind := r.Kind(); kind {
		case tensorjson.Null:
		case tensorjson.Object, tensorjson.Array:
			p[string(key)] = kind
		default:
			p[string(key)] = r.Parameter()
		}
	}
	return p
}

// truth returns a parameter that is true or false, and false where there is none.
func (p parameters) truth(name string) (bool, error) {
	switch value := p[name].(type) {
	case nil:
		return false, nil
	case bool:
		return value, nil
	default:
		return false, invalidf("parameter %s is %v: give true or false", name, value)
	}
}
