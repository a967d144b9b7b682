package oiprest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// input reads an input. Its elements go straight from the text into a tensor where its
// datatype and shape come first, as clients write them; else when those are known.
func (r *requestReader) input() {
	var in infer.Input
	var own parameters
	var later tensorjson.Value
	hasData := false
	for key := range r.members() {
		if r.Null() {
			continue
		}
		switch string(key) {
		case "name":
			in.Name = string(r.Text())
			r.within = "input " + strconv.Quote(in.Name)
		case "datatype":
			r.datatype(&in)
		case "shape":
			in.Shape = r.Shape()
		case "parameters":
			own = r.parameters()
		case "data":
			hasData = true
			if in.DataType != tensor.Invalid && in.Shape != nil {
				in.Data = r.data(r.Scanner, &in)
			} else {
				later = r.Value()
			}
		}
	}
	if r.Err() != nil {
		return
	}
	if err := r.checkInput(&in); err != nil {
		r.fail(err)
		return
	}
	if later.Exists() {
		part := later.Scanner()
		in.Data = r.data(part, &in)
		if part.Err() != nil {
			r.fail(infer.Invalidf("%s: %v", r.within, part.Err()))
		}
		if r.Err() != nil {
			return
		}
	}
	size, err := readInputParameters(&in, own, hasData)
	if err != nil {
		r.fail(err)
		return
	}
	r.request.Inputs = append(r.request.Inputs, in)
	r.binarySizes = append(r.binarySizes, size)
	r.within = ""
}

// data reads the elements of an input from s, when their memory is reserved.
func (r *requestReader) data(s *tensorjson.Scanner, in *infer.Input) []byte {
	if err := r.hold(s.DataBytes(in.DataType, in.Shape)); err != nil {
		r.fail(err)
		return nil
	}
	return s.Data(nil, in.DataType, in.Shape)
}

// datatype reads the datatype of an input.
func (r *requestReader) datatype(in *infer.Input) {
	name := r.Text()
	if r.Err() != nil {
		return
	}
	var err error
	if in.DataType, err = tensor.ParseCanonicalDataType(string(name)); err != nil {
		r.Fail(err)
	}
}

// checkInput reports a required member that an input does not have.
func (r *requestReader) checkInput(in *infer.Input) error {
	var missing string
	switch {
	case r.within == "":
		return infer.Invalidf("inputs[%d]: name is missing", len(r.request.Inputs))
	case in.DataType == tensor.Invalid:
		missing = "datatype"
	case in.Shape == nil:
		missing = "shape"
	default:
		return nil
	}
	return infer.Invalidf("%s: %s is missing", r.within, missing)
}

// readInputParameters reads the parameters of an input, whose elements are in one of three
// places. It returns the number of bytes of them after the JSON, -1 where they are
// elsewhere.
func readInputParameters(in *infer.Input, own parameters, hasData bool) (size int64, err error) {
	if err := in.ReadParameters(own.get); err != nil {
		return 0, err
	}
	size = -1
	var places []string
	if hasData {
		places = append(places, "data")
	}
	if value, ok := own[binarySizeParameter]; ok {
		n, err := infer.WholeParameter(binarySizeParameter, value)
		if err != nil {
			return 0, fmt.Errorf("input %q: %w", in.Name, err)
		}
		size = int64(min(n, 1<<62))
		places = append(places, "parameter "+binarySizeParameter)
	}
	if in.Region != nil {
		places = append(places, "parameter shared_memory_region")
	}
	switch len(places) {
	case 0:
		return 0, infer.Invalidf("input %q has no elements: give data, or parameter %s for elements after the JSON", in.Name, binarySizeParameter)
	case 1:
		return size, nil
	default:
		return 0, infer.Invalidf("input %q has its elements in several places, %s: give one", in.Name, strings.Join(places, " and "))
	}
}

// takeTensors assigns the elements after the JSON to their inputs, in order. All must be
// used.
func (r *requestReader) takeTensors(tensors []byte) error {
	left := tensors
	for i, size := range r.binarySizes {
		if size < 0 {
			continue
		}
		in := &r.request.Inputs[i]
		if size > int64(len(left)) {
			return infer.Invalidf("input %q: parameter %s is %d, but %d bytes are left after the JSON, whose length is in %s", in.Name, binarySizeParameter, size, len(left), wire.HeaderJSONLength)
		}
		in.Data, left = left[:size:size], left[size:]
	}
	if len(left) > 0 {
		return infer.Invalidf("body: %d bytes after the JSON are not used by the parameters %s of the inputs", len(left), binarySizeParameter)
	}
	return nil
}

// output reads a requested output.
func (r *requestReader) output() {
	var out infer.Output
	var own parameters
	for key := range r.members() {
		if r.Null() {
			continue
		}
		switch string(key) {
		case "name":
			out.Name = string(r.Text())
			r.within = "output " + strconv.Quote(out.Name)
		case "parameters":
			own = r.parameters()
		}
	}
	if r.Err() == nil && r.within == "" {
		r.fail(infer.Invalidf("outputs[%d]: name is missing", len(r.request.Outputs)))
	}
	if r.Err() != nil {
		return
	}
	r.request.Outputs = append(r.request.Outputs, out)
	r.outputs = append(r.outputs, own)
	r.within = ""
}

// readOutputParameters reads the parameters of an output. It returns whether the output
// goes after the answer's JSON; all is the request's parameter for outputs without their
// own.
func readOutputParameters(out *infer.Output, own parameters, all bool) (binary bool, err error) {
	if err := out.ReadParameters(own.get); err != nil {
		return false, err
	}
	if _, ok := own[binaryParameter]; !ok {
		return all && out.Region == nil, nil
	}
	if binary, err = own.truth(binaryParameter); err != nil {
		return false, fmt.Errorf("output %q: %w", out.Name, err)
	}
	if binary && out.Region != nil {
		return false, infer.Invalidf("output %q is requested after the JSON and in shared memory: request one of them", out.Name)
	}
	return binary, nil
}
