package messagejson_test

import (
	"runtime"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
	"github.com/tensorwire/tensorwire/internal/transport/wire/messagejson"
)

// Decoding a list of numbers allocates no more than was counted for it.
func TestTheCountBoundsNumbers(t *testing.T) {
	for field, elements := range map[string][]string{
		"intContents":    {"1", "-1", "2147483647", "-2147483648"},
		"int64Contents":  {"1", "-1", "9223372036854775807", "-9223372036854775808"},
		"uintContents":   {"1", "4294967295"},
		"uint64Contents": {"1", "18446744073709551615"},
		"fp32Contents":   {"1", "-1", "0.25"},
		"fp64Contents":   {"1", "-1", "0.25"},
	} {
		for _, element := range elements {
			const n = 100_000
			text := []byte(`{"inputs":[{"contents":{"` + field + `":[` + repeat(element, n) + `]}}]}`)
			m := &inference.ModelInferRequest{}
			count, large, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).JSON(text)
			if err != nil || len(large) != 1 {
				t.Fatal(large, err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := messagejson.Unmarshal(text, large, m, options, nil); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if spent := int64(after.TotalAlloc - before.TotalAlloc); spent > count.Memory+count.Passing {
				t.Errorf("%s of %s: decoding allocated %.1f bytes a number, and %.1f + %.1f were counted", field, element, float64(spent)/n, float64(count.Memory)/n, float64(count.Passing)/n)
			}
		}
	}
}
