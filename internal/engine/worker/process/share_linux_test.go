package process_test

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// A running worker gets another share.
func TestSetShare(t *testing.T) {
	p := start(t, process.Options{Share: process.Share{MaxProcs: 3, GoMemoryLimit: 64 << 20}})
	share := func() string {
		text, err := run(t.Context(), p, load(t, p, "share"), "")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := share(); got != "3 67108864" {
		t.Errorf("at first %s", got)
	}
	p.SetShare(process.Share{MaxProcs: 2, GoMemoryLimit: 128 << 20})
	until(t, "2 134217728", func() bool { return share() == "2 134217728" })
}
