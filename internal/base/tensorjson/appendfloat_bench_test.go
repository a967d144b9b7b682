//go:build unix

package tensorjson_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// BenchmarkAppendFloats compares AppendData with strconv.AppendFloat on the values of
// typical outputs. All three writers run in turn on the same tensor:
//
//   - tensorjson: AppendData.
//   - strconv: strconv.AppendFloat in the format that AppendData documents, which is
//     that of encoding/json.
//   - strconv-g: strconv.AppendFloat(dst, v, 'g', -1, bits), the simplest call.
//
// FP16 and BF16 are widened to float32 for strconv, which has no 16-bit format: its
// output is longer there.
//
// It reports CPU time rather than elapsed time, so that other processes disturb less.
func BenchmarkAppendFloats(b *testing.B) {
	for _, data := range floatTensors() {
		for _, writer := range []struct {
			name  string
			write func([]byte, tensor.Tensor) []byte
		}{
			{"tensorjson", appendTensorjson},
			{"strconv", func(dst []byte, t tensor.Tensor) []byte { return appendStrconv(dst, t, appendAsEncodingJSON) }},
			{"strconv-g", func(dst []byte, t tensor.Tensor) []byte { return appendStrconv(dst, t, appendG) }},
		} {
			b.Run(data.name+"/"+writer.name, func(b *testing.B) {
				values := data.tensor.Shape[0]
				buffer := writer.write(nil, data.tensor)
				start := cpuTime(b)
				for b.Loop() {
					buffer = writer.write(buffer[:0], data.tensor)
				}
				cpu := cpuTime(b) - start
				b.ReportMetric(cpu/float64(b.N)/float64(values), "cpu-ns/value")
				b.ReportMetric(float64(len(buffer))*float64(b.N)*1e3/cpu, "cpu-MB/s")
				b.ReportMetric(float64(len(buffer))/float64(values), "B/value")
			})
		}
	}
}

// cpuTime returns the process's CPU time in nanoseconds.
func cpuTime(tb testing.TB) float64 {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestAppendDataMatchesStrconv compares AppendData with strconv.AppendFloat byte
// for byte.
func TestAppendDataMatchesStrconv(t *testing.T) {
	t.Parallel()
	for _, data := range floatTensors() {
		if data.tensor.DataType != tensor.FP32 && data.tensor.DataType != tensor.FP64 {
			continue
		}
		got, want := appendTensorjson(nil, data.tensor), appendStrconv(nil, data.tensor, appendAsEncodingJSON)
		if string(got) != string(want) {
			t.Errorf("%s: AppendData and strconv.AppendFloat differ", data.name)
		}
	}
}

func appendTensorjson(dst []byte, t tensor.Tensor) []byte {
	dst, err := tensorjson.AppendData(dst, "out", t)
	if err != nil {
		panic(err)
	}
	return dst
}

func appendStrconv(dst []byte, t tensor.Tensor, write func([]byte, float64, int) []byte) []byte {
	dst = append(dst, '[')
	switch t.DataType {
	case tensor.FP64:
		values, _ := tensor.View[float64](t.Data)
		for _, v := range values {
			dst = append(write(dst, v, 64), ',')
		}
	case tensor.FP32:
		values, _ := tensor.View[float32](t.Data)
		for _, v := range values {
			dst = append(write(dst, float64(v), 32), ',')
		}
	default:
		values, err := tensor.Float32s(t)
		if err != nil {
			panic(err)
		}
		for _, v := range values {
			dst = append(write(dst, float64(v), 32), ',')
		}
	}
	dst[len(dst)-1] = ']'
	return dst
}

func appendAsEncodingJSON(dst []byte, v float64, bits int) []byte {
	low, high := v != 0 && math.Abs(v) < 1e-6, math.Abs(v) >= 1e21
	if bits == 32 {
		low, high = v != 0 && float32(math.Abs(v)) < 1e-6, float32(math.Abs(v)) >= 1e21
	}
	if !low && !high {
		return strconv.AppendFloat(dst, v, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, bits)
	// An exponent of one digit has no leading zero.
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

func appendG(dst []byte, v float64, bits int) []byte {
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

type floatTensor struct {
	name   string
	tensor tensor.Tensor
}

// floatTensors returns typical outputs of models, each with as many values as one
// image of 224 x 224 x 3.
func floatTensors() []floatTensor {
	random := rand.New(rand.NewPCG(9, 10))
	normalised, softmax, embedding, whole := make([]float64, imageValues), make([]float64, imageValues), make([]float64, imageValues), make([]float64, imageValues)
	bits32, bits64 := make([]float32, imageValues), make([]float64, imageValues)
	mean, deviation := [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}
	const classes = 1000
	for i := range normalised {
		pixel := random.IntN(256)
		whole[i] = float64(pixel)
		normalised[i] = (float64(pixel)/255 - mean[i%3]) / deviation[i%3]
		softmax[i] = math.Exp(3 * random.NormFloat64())
		embedding[i] = random.NormFloat64() / math.Sqrt(768)
		bits32[i] = finite(func() float32 { return math.Float32frombits(random.Uint32()) })
		bits64[i] = finite(func() float64 { return math.Float64frombits(random.Uint64()) })
	}
	for start := 0; start < len(softmax); start += classes {
		row := softmax[start:min(start+classes, len(softmax))]
		sum := 0.0
		for _, v := range row {
			sum += v
		}
		for i := range row {
			row[i] /= sum
		}
	}
	tensors := []floatTensor{
		{"bits/FP32", vector(tensor.FP32, bits32)},
		{"bits/FP64", vector(tensor.FP64, bits64)},
	}
	for _, set := range []struct {
		name   string
		values []float64
	}{{"normalised", normalised}, {"softmax", softmax}, {"embedding", embedding}, {"whole", whole}} {
		narrow := make([]float32, len(set.values))
		fp16, bf16 := make([]uint16, len(narrow)), make([]uint16, len(narrow))
		for i, v := range set.values {
			narrow[i] = float32(v)
			// Truncation is as good as rounding for this data.
			bf16[i] = uint16(math.Float32bits(narrow[i]) >> 16)
			fp16[i] = truncateToFP16(v)
		}
		tensors = append(tensors,
			floatTensor{set.name + "/FP32", vector(tensor.FP32, narrow)},
			floatTensor{set.name + "/FP64", vector(tensor.FP64, set.values)},
			floatTensor{set.name + "/FP16", vector(tensor.FP16, fp16)},
			floatTensor{set.name + "/BF16", vector(tensor.BF16, bf16)},
		)
	}
	return tensors
}

func vector[T uint16 | float32 | float64](datatype tensor.DataType, values []T) tensor.Tensor {
	return tensor.Tensor{DataType: datatype, Shape: tensor.Shape{int64(len(values))}, Data: tensor.AsBytes(values)}
}

func finite[T float32 | float64](next func() T) T {
	for {
		if v := next(); !math.IsInf(float64(v), 0) && !math.IsNaN(float64(v)) {
			return v
		}
	}
}

// truncateToFP16 converts v, which must be in FP16's range.
func truncateToFP16(v float64) uint16 {
	sign := uint16(math.Float64bits(v) >> 48 & 0x8000)
	v = math.Abs(v)
	if v < 0x1p-14 {
		return sign | uint16(v*0x1p24)
	}
	return sign | uint16((math.Float64bits(v)>>42)-(1023-15)<<10)
}

// TestTruncateToFP16 checks the benchmark's data.
func TestTruncateToFP16(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]uint16{1: 0x3c00, -2: 0xc000, 0: 0, 65504: 0x7bff, 0x1p-14: 0x0400, 0x1p-24: 0x0001} {
		if got := truncateToFP16(v); got != want {
			t.Errorf("%v: %#04x, want %#04x", v, got, want)
		}
	}
}
