package chaos_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// wrongError reports a response that is not the right one.
type wrongError struct{ text string }

func (e *wrongError) Error() string { return e.text }

func wrongf(format string, args ...any) error { return &wrongError{fmt.Sprintf(format, args...)} }

// check compares the outputs of a response with the right ones.
func (q request) check(outputs []value) error {
	if len(outputs) != len(q.want) {
		return wrongf("%d outputs, want %d", len(outputs), len(q.want))
	}
	for i, want := range q.want {
		got := outputs[i]
		if got.name != want.name || got.datatype != want.datatype || !slices.Equal(got.shape, want.shape) {
			return wrongf("output %s %s %v, want %s %s %v", got.name, got.datatype, got.shape, want.name, want.datatype, want.shape)
		}
		if !bytes.Equal(got.raw, want.raw) && !near(got, want, q.tolerance) {
			return wrongf("output %s %v has other values: %.40x, want %.40x", got.name, got.shape, got.raw, want.raw)
		}
	}
	return nil
}

// near reports whether FP32 values differ by at most tolerance.
func near(got, want value, tolerance float64) bool {
	if tolerance == 0 || want.datatype != "FP32" || len(got.raw) != len(want.raw) {
		return false
	}
	a, _ := tensor.View[float32](got.raw)
	b, _ := tensor.View[float32](want.raw)
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > tolerance {
			return false
		}
	}
	return true
}
