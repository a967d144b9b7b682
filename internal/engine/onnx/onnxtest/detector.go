package onnxtest

// Detector returns a graph with the interface of models that detect objects, for images of
// size x size pixels: from "image", FP32 of [1, 3, size, size], whose values are rows of
// four, to "boxes", FP32 of [n, 4], the rows; "scores", FP32 of [n], the largest value of
// each; and "labels", INT64 of [n], its place. size is even.
func Detector(size int) Graph {
	rows := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0, 0, 0} // [-1, 4]
	return Graph{
		Nodes: []Node{
			{Op: "Reshape", Inputs: []string{"image", "shape"}, Outputs: []string{"boxes"}},
			{Op: "ReduceMax", Inputs: []string{"boxes"}, Outputs: []string{"scores"}, IntLists: map[string][]int64{"axes": {1}}, Ints: map[string]int64{"keepdims": 0}},
			{Op: "ArgMax", Inputs: []string{"boxes"}, Outputs: []string{"labels"}, Ints: map[string]int64{"axis": 1, "keepdims": 0}},
		},
		Initializers: []Initializer{{Name: "shape", Elem: Int64, Dims: []int64{2}, Raw: rows}},
		Inputs:       []Value{{Name: "image", Elem: Float32, Dims: []any{1, 3, size, size}}},
		Outputs: []Value{
			{Name: "boxes", Elem: Float32, Dims: []any{"n", 4}},
			{Name: "scores", Elem: Float32, Dims: []any{"n"}},
			{Name: "labels", Elem: Int64, Dims: []any{"n"}},
		},
	}
}
