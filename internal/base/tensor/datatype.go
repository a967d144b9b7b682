package tensor

import (
	"fmt"
	"strings"
)

// DataType is the type of a tensor's elements. Its names are those of the Open
// Inference Protocol.
type DataType uint8

// The datatypes of the Open Inference Protocol and Triton's BF16. The zero value
// is Invalid.
const (
	Invalid DataType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	FP16
	BF16
	FP32
	FP64
	// Bytes elements are byte strings of any length, without a fixed size.
	Bytes
)

var dataTypes = [...]struct {
	name  string
	numpy string
	size  int
}{
	Invalid: {name: "INVALID"},
	Bool:    {name: "BOOL", numpy: "bool", size: 1},
	Uint8:   {name: "UINT8", numpy: "uint8", size: 1},
	Uint16:  {name: "UINT16", numpy: "uint16", size: 2},
	Uint32:  {name: "UINT32", numpy: "uint32", size: 4},
	Uint64:  {name: "UINT64", numpy: "uint64", size: 8},
	Int8:    {name: "INT8", numpy: "int8", size: 1},
	Int16:   {name: "INT16", numpy: "int16", size: 2},
	Int32:   {name: "INT32", numpy: "int32", size: 4},
	Int64:   {name: "INT64", numpy: "int64", size: 8},
	FP16:    {name: "FP16", numpy: "float16", size: 2},
	BF16:    {name: "BF16", numpy: "bfloat16", size: 2},
	FP32:    {name: "FP32", numpy: "float32", size: 4},
	FP64:    {name: "FP64", numpy: "float64", size: 8},
	Bytes:   {name: "BYTES"},
}

// String returns the Open Inference Protocol's name, such as "FP32".
func (d DataType) String() string {
	if int(d) < len(dataTypes) {
		return dataTypes[d].name
	}
	return fmt.Sprintf("DataType(%d)", uint8(d))
}

// Size returns the size of an element in bytes; 0 for Bytes and Invalid.
func (d DataType) Size() int {
	if int(d) < len(dataTypes) {
		return dataTypes[d].size
	}
	return 0
}

// ParseDataType reads the name of a datatype: the Open Inference Protocol's
// ("FP32") or numpy's ("float32"), in upper or lower case.
func ParseDataType(name string) (DataType, error) {
	for d := Bool; int(d) < len(dataTypes); d++ {
		if strings.EqualFold(name, dataTypes[d].name) || (dataTypes[d].numpy != "" && strings.EqualFold(name, dataTypes[d].numpy)) {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown datatype %q: use one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES", name)
}

// ParseCanonicalDataType reads the name of a datatype as the Open Inference Protocol
// writes it ("FP32"). The error for another spelling of it names the canonical one.
func ParseCanonicalDataType(name string) (DataType, error) {
	d, err := ParseDataType(name)
	if err == nil && d.String() != name {
		return Invalid, fmt.Errorf("unknown datatype %q: write %v", name, d)
	}
	return d, err
}
