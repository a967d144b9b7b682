package ort

// #include "api.h"
import "C"

import (
	"context"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// mapsPerCall is the number of maps that one call into C reads: a few milliseconds, after
// which the context is checked.
const mapsPerCall = 4096

// ReadMaps copies the output at index i, a sequence of maps (see Session.Declare), to data,
// whose length OutputInfo returns: a row of floats for each map. columns has the column of
// each key, in the order of the keys. A map with another number of keys is an ErrMaps.
func (c *Call) ReadMaps(ctx context.Context, i int, columns []int, data []byte) error {
	out := &c.outputs[i]
	width, rows := int(out.keys), int(out.shape[0])
	values, _ := tensor.View[float32](data)
	order := make([]C.size_t, len(columns))
	for k, column := range columns {
		order[k] = C.size_t(column)
	}
	for first := 0; first < rows; first += mapsPerCall {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(mapsPerCall, rows-first)
		part := values[first*width : (first+n)*width]
		status := C.tw_read_maps(c.c, C.size_t(len(c.inputs)+i), C.size_t(first), C.size_t(n),
			unsafe.SliceData(order), (*C.float)(unsafe.SliceData(part)))
		if err := c.check(status); err != nil {
			return err
		}
	}
	return nil
}
