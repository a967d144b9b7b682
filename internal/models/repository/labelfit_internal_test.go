package repository

import (
	"fmt"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

func TestLabelsFit(t *testing.T) {
	numbered := func(prefix string, n int) []string {
		names := make([]string, n)
		for i := range names {
			names[i] = prefix + fmt.Sprint(i)
		}
		return names
	}
	for name, test := range map[string]struct {
		count   int
		indexed bool
		made    bool // LABEL_0 and so on
		shape   tensor.Shape
		want    int // the number of labels; 0: they do not fit
	}{
		"a classifier":                      {count: 1000, shape: tensor.Shape{-1, 1000}, want: 1000},
		"without a batch":                   {count: 1000, shape: tensor.Shape{1000}, want: 1000},
		"after a convolution":               {count: 1000, shape: tensor.Shape{-1, 1000, 1, 1}, want: 1000},
		"open classes":                      {count: 3, shape: tensor.Shape{-1, -1}, want: 3},
		"any rank":                          {count: 3, want: 3},
		"a scalar":                          {count: 3, shape: tensor.Shape{}, want: 3},
		"one score of two classes":          {count: 2, shape: tensor.Shape{-1, 1}, want: 2},
		"a background in front":             {count: 1000, shape: tensor.Shape{-1, 1001}},
		"one without an index":              {count: 1000, indexed: true, shape: tensor.Shape{-1, 1001}, want: 1001},
		"fewer":                             {count: 2, shape: tensor.Shape{-1, 4}},
		"more":                              {count: 5, shape: tensor.Shape{-1, 4}},
		"more, with indices":                {count: 5, indexed: true, shape: tensor.Shape{-1, 4}},
		"an embedding":                      {count: 2, indexed: true, made: true, shape: tensor.Shape{-1, 768}},
		"an embedding, names":               {count: 1000, indexed: true, shape: tensor.Shape{-1, 768}},
		"an embedding of three":             {count: 2, indexed: true, made: true, shape: tensor.Shape{-1, 3}},
		"a classifier with names made up":   {count: 2, indexed: true, made: true, shape: tensor.Shape{-1, 2}, want: 2},
		"DETR":                              {count: 91, indexed: true, shape: tensor.Shape{-1, 100, 92}, want: 92},
		"DETR, as many":                     {count: 92, indexed: true, shape: tensor.Shape{-1, 100, 92}, want: 92},
		"RT-DETR":                           {count: 80, indexed: true, shape: tensor.Shape{-1, 300, 80}, want: 80},
		"YOLO, whose boxes precede classes": {count: 80, shape: tensor.Shape{1, 84, 8400}, want: 80},
		"segmentation":                      {count: 150, indexed: true, shape: tensor.Shape{-1, 150, 128, 128}, want: 150},
		"segmentation with a background":    {count: 150, indexed: true, shape: tensor.Shape{-1, 151, 512, 512}, want: 151},
		"classes that a reshape divides":    {count: 4, shape: tensor.Shape{-1, 2, 2}, want: 4},
		"fewer than the elements":           {count: 5, shape: tensor.Shape{-1, 2, 3}},
		"too many elements":                 {count: 4, shape: tensor.Shape{-1, 1 << 40, 1 << 40}, want: 4},
		"tokens":                            {count: 9, indexed: true, shape: tensor.Shape{-1, -1, 9}, want: 9},
		"hidden states, names made up":      {count: 2, indexed: true, made: true, shape: tensor.Shape{-1, -1, 768}},
		"hidden states of an image":         {count: 1000, indexed: true, shape: tensor.Shape{-1, 197, 768}},
	} {
		prefix := "class "
		if test.made {
			prefix = "LABEL_"
		}
		list := labelList{names: numbered(prefix, test.count), indexed: test.indexed}
		labels, ok := list.fit(test.shape)
		if ok != (test.want > 0) || ok && (len(labels) != test.want || labels[0] != list.names[0]) {
			t.Errorf("%s: %d labels for %v become %d, %v", name, test.count, test.shape, len(labels), ok)
		}
	}
}

// The configuration may fix the classes where the model leaves them open.
func TestLabelsFitTheConfiguredShape(t *testing.T) {
	outputs := []*inference.ModelOutput{{Name: "y", Dims: []int64{4}}}
	for _, test := range []struct{ shape, want tensor.Shape }{
		{tensor.Shape{-1, -1}, tensor.Shape{-1, 4}},
		{tensor.Shape{-1, 2}, tensor.Shape{-1, 2}},
		{tensor.Shape{}, tensor.Shape{}},
	} {
		if got := configuredShape(test.shape, "y", outputs); got.String() != test.want.String() {
			t.Errorf("%v becomes %v", test.shape, got)
		}
	}
}
