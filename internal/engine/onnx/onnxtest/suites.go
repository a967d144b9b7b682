package onnxtest

// Scaled returns the graph of enginetest.TestOptional: "x" times "scale", which is 3 by
// default.
func Scaled() Graph {
	g := Unary("Mul", Float32, "n", 2)
	g.Nodes[0].Inputs = []string{"x", "scale"}
	g.Inputs = []Value{{Name: "scale", Elem: Float32, Dims: []any{1}}, g.Inputs[0]}
	g.Initializers = []Initializer{{Name: "scale", Dims: []int64{1}, Data: []float32{3}}}
	return g
}

// WrongShape returns the graph of enginetest.TestWrongShape.
func WrongShape() Graph {
	g := Unary("Identity", Float32, "n", 4)
	g.Outputs[0].Dims = []any{"n", "n"}
	return g
}
