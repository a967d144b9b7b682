package infer_test

import (
	"math"
	"testing"

	"github.com/tensorwire/tensorwire/internal/infer"
)

func TestParameter(t *testing.T) {
	for _, test := range []struct {
		value             infer.Parameter
		text              string
		exists            bool
		whole             uint64
		isWhole, isBool   bool
		isText, wantsTrue bool
	}{
		{text: "missing"},
		{value: infer.BoolParameter(true), text: "true", exists: true, isBool: true, wantsTrue: true},
		{value: infer.BoolParameter(false), text: "false", exists: true, isBool: true},
		{value: infer.IntParameter(0), text: "0", exists: true, isWhole: true},
		{value: infer.IntParameter(math.MaxInt64), text: "9223372036854775807", exists: true, isWhole: true, whole: math.MaxInt64},
		{value: infer.IntParameter(math.MinInt64), text: "-9223372036854775808", exists: true},
		{value: infer.UintParameter(math.MaxUint64), text: "18446744073709551615", exists: true, isWhole: true, whole: math.MaxUint64},
		{value: infer.FloatParameter(1.5), text: "1.5", exists: true},
		{value: infer.FloatParameter(2), text: "2", exists: true},
		{value: infer.FloatParameter(math.Inf(-1)), text: "-Inf", exists: true},
		{value: infer.TextParameter("1"), text: "1", exists: true, isText: true},
		{value: infer.TextParameter(""), exists: true, isText: true},
		{value: infer.OtherParameter("an array"), text: "an array", exists: true},
	} {
		whole, isWhole := test.value.Whole()
		truth, isBool := test.value.Bool()
		text, isText := test.value.Text()
		if test.value.String() != test.text || test.value.Exists() != test.exists || isWhole != test.isWhole || isBool != test.isBool || isText != test.isText {
			t.Errorf("%q: exists %v, whole %v, boolean %v, text %v; want %+v", test.value, test.value.Exists(), isWhole, isBool, isText, test)
		}
		if isWhole && whole != test.whole || isBool && truth != test.wantsTrue || isText && text != test.text {
			t.Errorf("%q: %d, %v, %q; want %+v", test.value, whole, truth, text, test)
		}
	}
}
