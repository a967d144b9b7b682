package imageinput

import (
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// interleaved returns the pixels of data as height x width x channels.
func (a *array) interleaved(data []byte) []byte {
	if a.layout == vision.NHWC || a.channels == 1 {
		return data
	}
	out := make([]byte, len(data))
	transpose(out, data, a.channels, a.width*a.height)
	return out
}

// fromFloats converts an array of FP32, whose values become the tensor's as they are.
// In the model's own layout nothing is copied.
func (i *Input) fromFloats(a *array, data []byte) (tensor.Tensor, error) {
	image := i.image
	t := tensor.Tensor{DataType: i.spec.DataType, Shape: image.shape(a.width, a.height)}
	if !i.spec.Shape.Accepts(t.Shape) || a.channels != image.target.Channels {
		return tensor.Tensor{}, invalidf("%v: the array has height %d, width %d and %d channels, but input %q takes %v; only encoded images and UINT8 pixels are resized", FieldImage, a.height, a.width, a.channels, i.spec.Name, i.spec.Shape)
	}
	if a.layout != image.target.Layout && a.channels > 1 {
		values, _ := tensor.View[float32](data)
		turned := make([]float32, len(values))
		if a.layout == vision.NHWC {
			transpose(turned, values, a.width*a.height, a.channels)
		} else {
			transpose(turned, values, a.channels, a.width*a.height)
		}
		data = tensor.AsBytes(turned)
	}
	if i.spec.DataType == tensor.FP32 {
		t.Data = data
		return t, nil
	}
	values, _ := tensor.View[float32](data)
	var err error
	if t.Data, err = tensor.FromFloat32s(values, i.spec.DataType); err != nil {
		return tensor.Tensor{}, invalidf("%v: %v", FieldImage, err)
	}
	return t, nil
}

// transpose writes a rows x columns matrix to dst as columns x rows.
func transpose[T any](dst, src []T, rows, columns int) {
	for c := range columns {
		row := dst[c*rows : (c+1)*rows]
		for r := range row {
			row[r] = src[r*columns+c]
		}
	}
}

// parseLayout parses the name of a layout. The default is NHWC, numpy's usual one.
func parseLayout(name string) (vision.Layout, error) {
	switch strings.ToUpper(name) {
	case "", "NHWC", "HWC":
		return vision.NHWC, nil
	case "NCHW", "CHW":
		return vision.NCHW, nil
	}
	return 0, invalidf("%v is %q: use NHWC or NCHW", FieldLayout, name)
}
