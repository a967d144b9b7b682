package channel

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// FuzzAnswer checks that what is accepted of an arbitrary answer is valid, and not larger
// than the memory that the worker has.
func FuzzAnswer(f *testing.F) {
	a := answer{kind: kindDone, code: 1, text: "x"}
	f.Add(a.append(nil), []byte(nil))
	tensors := []tensor.Tensor{
		{DataType: tensor.Uint8, Shape: tensor.Shape{3}, Data: []byte{1, 2, 3}},
		{DataType: tensor.Bytes, Shape: tensor.Shape{1, 1}, Data: tensor.AppendElement(nil, []byte("abc"))},
		{},
	}
	place, err := newPlacement(answerHeader, tensors, 1000)
	if err != nil {
		f.Fatal(err)
	}
	a = answer{kind: kindDone, compute: 5}
	message := make([]byte, 1000)
	f.Add(message[:place.put(a.append(message[:0]), tensors, nil, 1, nil)], []byte("\x02\x00\x00\x00ab"))
	d := descriptor{dataType: tensor.Bytes, shape: tensor.Shape{1}, segment: 1, length: 6}
	f.Add(d.append(append(a.append(nil), 1, 0, 0, 0)), []byte("\x02\x00\x00\x00ab"))
	f.Fuzz(func(t *testing.T, message, segment []byte) {
		a, err := parseAnswer(message)
		if err != nil {
			return
		}
		s := source{message: message, id: 1, segment: segment}
		if s.check(a.tensors) != nil {
			return
		}
		if used := s.used(a.tensors); used < 0 || used > int64(len(segment)) {
			t.Errorf("%d bytes of %d are used", used, len(segment))
		}
		for _, lend := range []bool{false, true} {
			c, err := s.copyOutputs(a.tensors, lend)
			if err != nil {
				continue
			}
			total := 0
			for _, out := range c.outputs {
				if total += len(out.Data); out.DataType == tensor.Invalid {
					continue
				}
				if err := out.Validate(); err != nil {
					t.Error(err)
				}
			}
			if total > len(message)+len(segment) {
				t.Errorf("%d bytes of %d", total, len(message)+len(segment))
			}
			c.free()
		}
	})
}
