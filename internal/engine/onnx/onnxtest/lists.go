package onnxtest

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// appendLists appends the attributes that are texts, or lists of floats or texts.
func (n Node) appendLists(b []byte) []byte {
	for name, values := range n.Floats {
		attribute := appendMessage(nil, 1, []byte(name))
		for _, value := range values {
			attribute = protowire.AppendTag(attribute, 7, protowire.Fixed32Type)
			attribute = protowire.AppendFixed32(attribute, math.Float32bits(value))
		}
		b = appendMessage(b, 5, appendVarint(attribute, 20, 6)) // type FLOATS
	}
	for name, values := range n.Strings {
		attribute := appendMessage(nil, 1, []byte(name))
		for _, value := range values {
			attribute = appendMessage(attribute, 9, []byte(value))
		}
		b = appendMessage(b, 5, appendVarint(attribute, 20, 8)) // type STRINGS
	}
	for name, value := range n.Texts {
		attribute := appendMessage(appendMessage(nil, 1, []byte(name)), 4, []byte(value))
		b = appendMessage(b, 5, appendVarint(attribute, 20, 3)) // type STRING
	}
	return b
}
