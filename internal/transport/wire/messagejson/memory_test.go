package messagejson_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
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
			spent := allocated(func() {
				if err := messagejson.Unmarshal(text, large, m, options, nil); err != nil {
					t.Fatal(err)
				}
			})
			if spent > count.Memory+count.Passing {
				t.Errorf("%s of %s: decoding allocated %.1f bytes a number, and %.1f + %.1f were counted", field, element, float64(spent)/n, float64(count.Memory)/n, float64(count.Passing)/n)
			}
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// What is no large value is copied, also a field that the message does not have.
func TestTheCountBoundsTheRest(t *testing.T) {
	text := []byte(`{"junk":"` + strings.Repeat("x", 10<<20) + `","tensorData":[` + repeat("1", 2000) + `]}`)
	m := &modelserving.InferenceRequest{}
	count, large, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).JSON(text)
	if err != nil || len(large) != 1 {
		t.Fatal(large, err)
	}
	if count.Memory+count.Passing < 10<<20 {
		t.Errorf("%d + %d bytes were counted", count.Memory, count.Passing)
	}
}
