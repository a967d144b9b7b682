package tensorjson_test

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// A request's keys come in any order. If the data comes first, its position is kept
// until the datatype and the shape are known.
func Example() {
	body := []byte(`{"inputs": [{"name": "x", "data": [[1, 2], [3, 4.5]], "datatype": "FP32", "shape": [2, 2]}]}`)

	s := tensorjson.NewScanner(body)
	for key := range s.Object() {
		if string(key) != "inputs" {
			continue // an unread value is skipped
		}
		for range s.Array() {
			var in tensor.Tensor
			var name string
			var later tensorjson.Value
			for key := range s.Object() {
				switch string(key) {
				case "name":
					name = string(s.Text())
				case "shape":
					in.Shape = s.Shape()
				case "datatype":
					var err error
					if in.DataType, err = tensor.ParseDataType(string(s.Text())); err != nil {
						s.Fail(err)
					}
				case "data":
					if in.Shape != nil && in.DataType != tensor.Invalid {
						in.Data = s.Data(nil, in.DataType, in.Shape)
					} else {
						later = s.Value()
					}
				}
			}
			if later.Exists() {
				data := later.Scanner()
				in.Data = data.Data(nil, in.DataType, in.Shape)
				if err := data.End(); err != nil {
					fmt.Println(err)
					return
				}
			}
			encoded, err := tensorjson.AppendData(nil, name, in)
			fmt.Println(name, string(encoded), err)
		}
	}
	if err := s.End(); err != nil {
		fmt.Println(err)
	}
	// Output: x [1,2,3,4.5] <nil>
}
