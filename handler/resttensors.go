package handler

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// input reads an input. Its elements go straight from the text into a tensor, where
// its datatype and shape come before them, as clients write them; else when those are
// known.
func (r *requestReader) input() {
	var in inferInput
	var own parameters
	var later tensorjson.Value
	hasData := false
	for key := range r.members() {
		if r.Null() {
			continue
		}
		switch string(key) {
		case "name":
			in.name = string(r.Text())
			r.within = "input " + strconv.Quote(in.name)
		case "datatype":
			r.datatype(&in)
		case "shape":
			in.Shape = r.Shape()
		case "parameters":
			own = r.parameters()
		case "data":
			hasData = true
			if in.DataType != tensor.Invalid && in.Shape != nil {
				in.Data = r.Data(nil, in.DataType, in.Shape)
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
		if in.Data = part.Data(nil, in.DataType, in.Shape); part.Err() != nil {
			r.fail(invalidf("%s: %v", r.within, part.Err()))
			return
		}
	}
	size, err := in.readREST(own, hasData)
	if err != nil {
		r.fail(err)
		return
	}
	r.request.inputs = append(r.request.inputs, in)
	r.binarySizes = append(r.binarySizes, size)
	r.within = ""
}

// datatype reads the datatype of an input.
func (r *requestReader) datatype(in *inferInput) {
	name := r.Text()
	if r.Err() != nil {
		return
	}
	var err error
	if in.DataType, err = tensor.ParseDataType(string(name)); err != nil {
		r.Fail(err)
	}
}

// checkInput reports what an input must have and has not.
func (r *requestReader) checkInput(in *inferInput) error {
	var missing string
	switch {
	case r.within == "":
		return invalidf("inputs[%d]: name is missing", len(r.request.inputs))
	case in.DataType == tensor.Invalid:
		missing = "datatype"
	case in.Shape == nil:
		missing = "shape"
	default:
		return nil
	}
	return invalidf("%s: %s is missing", r.within, missing)
}

// readREST reads the parameters of an input, whose elements are in one of three
// places. It returns how many bytes of them are behind the JSON, -1 where they are
// elsewhere.
func (i *inferInput) readREST(own parameters, hasData bool) (size int64, err error) {
	if err := i.readParameters(own.get); err != nil {
		return 0, err
	}
	size = -1
	var places []string
	if hasData {
		places = append(places, "data")
	}
	if value, ok := own[binarySizeParameter]; ok {
		n, err := wholeParameter(binarySizeParameter, value)
		if err != nil {
			return 0, fmt.Errorf("input %q: %w", i.name, err)
		}
		size = int64(min(n, 1<<62))
		places = append(places, "parameter "+binarySizeParameter)
	}
	if i.region != nil {
		places = append(places, "parameter shared_memory_region")
	}
	switch len(places) {
	case 0:
		return 0, invalidf("input %q has no elements: give data, or parameter %s for elements behind the JSON", i.name, binarySizeParameter)
	case 1:
		return size, nil
	default:
		return 0, invalidf("input %q has its elements in several places, %s: give one", i.name, strings.Join(places, " and "))
	}
}

// takeTensors gives the inputs their elements that are behind the JSON, in their
// order. Nothing may be left.
func (r *requestReader) takeTensors(tensors []byte) error {
	left := tensors
	for i, size := range r.binarySizes {
		if size < 0 {
			continue
		}
		in := &r.request.inputs[i]
		if size > int64(len(left)) {
			return invalidf("input %q: parameter %s is %d, but %d bytes are left behind the JSON, whose length %s gives", in.name, binarySizeParameter, size, len(left), jsonLengthHeader)
		}
		in.Data, left = left[:size:size], left[size:]
	}
	if len(left) > 0 {
		return invalidf("body: %d bytes behind the JSON are left, when every input has had what its parameter %s says", len(left), binarySizeParameter)
	}
	return nil
}

// output reads an output that is asked for.
func (r *requestReader) output() {
	var out inferOutput
	var own parameters
	for key := range r.members() {
		if r.Null() {
			continue
		}
		switch string(key) {
		case "name":
			out.name = string(r.Text())
			r.within = "output " + strconv.Quote(out.name)
		case "parameters":
			own = r.parameters()
		}
	}
	if r.Err() == nil && r.within == "" {
		r.fail(invalidf("outputs[%d]: name is missing", len(r.request.outputs)))
	}
	if r.Err() != nil {
		return
	}
	r.request.outputs = append(r.request.outputs, out)
	r.outputs = append(r.outputs, own)
	r.within = ""
}

// readREST reads the parameters of an output. binary is what the request says of all.
func (o *inferOutput) readREST(own parameters, binary bool) error {
	if err := o.readParameters(own.get); err != nil {
		return err
	}
	o.binary = binary && o.region == nil
	if _, ok := own[binaryParameter]; !ok {
		return nil
	}
	var err error
	if o.binary, err = own.truth(binaryParameter); err != nil {
		return fmt.Errorf("output %q: %w", o.name, err)
	}
	if o.binary && o.region != nil {
		return invalidf("output %q is asked for behind the JSON and in shared memory: ask for one of them", o.name)
	}
	return nil
}
