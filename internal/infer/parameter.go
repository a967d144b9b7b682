package infer

import (
	"fmt"
	"math"
	"strconv"
)

// Parameter is the value of a parameter of a request or a tensor: a boolean, a number or a
// string. The zero value is no parameter.
type Parameter struct {
	kind parameterKind
	bits uint64 // of a boolean or a number
	text string // of a string; the description of another value
}

type parameterKind uint8

const (
	noParameter parameterKind = iota
	boolParameter
	intParameter
	uintParameter
	floatParameter
	textParameter
	otherParameter
)

// BoolParameter returns a boolean.
func BoolParameter(v bool) Parameter {
	if v {
		return Parameter{kind: boolParameter, bits: 1}
	}
	return Parameter{kind: boolParameter}
}

// IntParameter returns a signed integer.
func IntParameter(v int64) Parameter { return Parameter{kind: intParameter, bits: uint64(v)} }

// UintParameter returns an unsigned integer.
func UintParameter(v uint64) Parameter { return Parameter{kind: uintParameter, bits: v} }

// FloatParameter returns a floating-point number.
func FloatParameter(v float64) Parameter {
	return Parameter{kind: floatParameter, bits: math.Float64bits(v)}
}

// TextParameter returns a string.
func TextParameter(v string) Parameter { return Parameter{kind: textParameter, text: v} }

// OtherParameter returns a value of a kind that no parameter of the server has.
// description, such as "an array", is for error texts.
func OtherParameter(description string) Parameter {
	return Parameter{kind: otherParameter, text: description}
}

// Exists reports whether there is a value.
func (p Parameter) Exists() bool { return p.kind != noParameter }

// Bool returns a boolean; ok is false for another value.
func (p Parameter) Bool() (v, ok bool) { return p.bits != 0, p.kind == boolParameter }

// Text returns a string; ok is false for another value.
func (p Parameter) Text() (v string, ok bool) { return p.text, p.kind == textParameter }

// Whole returns an integer from 0, of either kind; ok is false for another value.
func (p Parameter) Whole() (v uint64, ok bool) {
	return p.bits, p.kind == uintParameter || p.kind == intParameter && int64(p.bits) >= 0
}

// String returns the value for error texts.
func (p Parameter) String() string {
	switch p.kind {
	case noParameter:
		return "missing"
	case boolParameter:
		return strconv.FormatBool(p.bits != 0)
	case intParameter:
		return strconv.FormatInt(int64(p.bits), 10)
	case uintParameter:
		return strconv.FormatUint(p.bits, 10)
	case floatParameter:
		return fmt.Sprint(math.Float64frombits(p.bits))
	case textParameter, otherParameter:
	}
	return p.text
}
