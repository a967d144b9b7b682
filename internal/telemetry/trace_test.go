package telemetry_test

import (
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// The examples of W3C Trace Context, and what is wrong by its rules.
func TestTraceID(t *testing.T) {
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	valid := "00-" + id + "-" + parent + "-01"
	for text, want := range map[string]string{
		valid:                               id,
		"00-" + id + "-" + parent + "-00":   id,
		"cc" + valid[2:]:                    id,
		"cc" + valid[2:] + "-what-follows":  id,
		"cc" + valid[2:] + ".what-follows":  "",
		valid + "-more":                     "",
		"ff" + valid[2:]:                    "",
		"0x" + valid[2:]:                    "",
		strings.ToUpper(valid):              "",
		valid[:54]:                          "",
		"":                                  "",
		strings.ReplaceAll(valid, "-", "_"): "",
		"00-" + strings.Repeat("0", 32) + "-" + parent + "-01": "",
		"00-" + id + "-" + strings.Repeat("0", 16) + "-01":     "",
	} {
		if got := telemetry.TraceID(map[string][]string{"Traceparent": {text}}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := telemetry.TraceID(map[string][]string{"Traceparent": {valid, valid}}); got != "" {
		t.Errorf("two fields: %q", got)
	}
}
