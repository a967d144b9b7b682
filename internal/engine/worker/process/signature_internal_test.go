package process

import (
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

func TestSignaturesOfWorkersAreChecked(t *testing.T) {
	spec := func(change func(*engine.TensorSpec)) *engine.Signature {
		s := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, 3}, DimNames: []string{"n", ""}}
		change(&s)
		return &engine.Signature{Inputs: []engine.TensorSpec{s}}
	}
	for name, test := range map[string]struct {
		signature *engine.Signature
		ok        bool
	}{
		"good":           {spec(func(*engine.TensorSpec) {}), true},
		"any rank":       {spec(func(s *engine.TensorSpec) { s.Shape, s.DimNames = nil, nil }), true},
		"output of maps": {&engine.Signature{Outputs: []engine.TensorSpec{{Name: "map"}}}, true},
		"none":           {nil, false},
		"input of maps":  {spec(func(s *engine.TensorSpec) { s.DataType = tensor.Invalid }), false},
		"datatype":       {spec(func(s *engine.TensorSpec) { s.DataType = tensor.Bytes + 1 }), false},
		"negative":       {spec(func(s *engine.TensorSpec) { s.Shape[0] = -2 }), false},
		"fewer names":    {spec(func(s *engine.TensorSpec) { s.DimNames = s.DimNames[:1] }), false},
		"more names":     {spec(func(s *engine.TensorSpec) { s.Shape = nil }), false},
		"rank": {spec(func(s *engine.TensorSpec) {
			s.Shape, s.DimNames = make(tensor.Shape, maxRank+1), make([]string, maxRank+1)
		}), false},
		"long name":        {spec(func(s *engine.TensorSpec) { s.Name = strings.Repeat("x", maxName+1) }), false},
		"long producer":    {spec(func(s *engine.TensorSpec) { s.Producer = strings.Repeat("x", maxName+1) }), false},
		"not UTF-8":        {spec(func(s *engine.TensorSpec) { s.Name = "\xff" }), false},
		"too many inputs":  {&engine.Signature{Inputs: make([]engine.TensorSpec, maxTensors+1)}, false},
		"optional":         {spec(func(s *engine.TensorSpec) { s.Optional = true }), true},
		"optional output":  {&engine.Signature{Outputs: []engine.TensorSpec{{Name: "y", Optional: true}}}, false},
		"labels":           {&engine.Signature{Outputs: []engine.TensorSpec{{Name: "y", Labels: []string{"a"}}}}, true},
		"too many labels":  {&engine.Signature{Outputs: []engine.TensorSpec{{Name: "y", Labels: make([]string, maxLabels+1)}}}, false},
		"labels not UTF-8": {&engine.Signature{Outputs: []engine.TensorSpec{{Name: "y", Labels: []string{"\xff"}}}}, false},
		"many warnings":    {&engine.Signature{Warnings: make([]string, maxTensors+1)}, false},
		"too many outputs": {&engine.Signature{Outputs: make([]engine.TensorSpec, maxTensors+1)}, false},
	} {
		if err := checkSignature(test.signature); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
