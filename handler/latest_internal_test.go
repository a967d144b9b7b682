package handler

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// A stream goes on while its model is replaced: it keeps the lanes of versions on which
// frames still run, and no others.
func TestALongStreamKeepsNoOldVersions(t *testing.T) {
	var l lanes
	busy := &repository.Version[*Serving]{Number: 1}
	if err := l.find(busy).enter(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for number := range int64(100) {
		lane := l.find(&repository.Version[*Serving]{Number: number})
		if err := lane.enter(t.Context(), uint64(number+2)); err != nil {
			t.Fatal(err)
		}
		lane.leave()
	}
	if len(l.of) != 2 || l.of[busy] == nil {
		t.Errorf("%d lanes", len(l.of))
	}
}
