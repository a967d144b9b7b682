package modelconfig

import (
	"math/rand/v2"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// randomData returns random elements, the same on each call: numbers from 0 to 1 for
// floating-point types, 0 or 1 for others. Triton uses random bits instead, which include
// NaNs and indices out of range.
func randomData(d tensor.DataType, elements int64) ([]byte, error) {
	const chunk = 4096
	source := rand.New(rand.NewPCG(1, 2))
	integers := d != tensor.FP16 && d != tensor.BF16 && d != tensor.FP32 && d != tensor.FP64
	data := make([]byte, 0, elements*int64(d.Size()))
	values := make([]float32, min(chunk, elements))
	for left := elements; left > 0; left -= int64(len(values)) {
		values = values[:min(left, chunk)]
		for i := range values {
			if values[i] = source.Float32(); integers {
				values[i] = float32(source.IntN(2))
			}
		}
		converted, err := tensor.FromFloat32s(values, d)
		if err != nil {
			return nil, err
		}
		data = append(data, converted...)
	}
	return data, nil
}
