package infer

import "testing"

// A stream continues while its model is replaced: it keeps the groups of versions on
// which frames still run, and no others.
func TestALongStreamKeepsNoOldVersions(t *testing.T) {
	var groups latestGroups
	busy := &Version{Number: 1}
	if err := groups.find(busy).enter(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for number := range int64(100) {
		group := groups.find(&Version{Number: number})
		if err := group.enter(t.Context(), uint64(number+2)); err != nil {
			t.Fatal(err)
		}
		group.leave()
	}
	if len(groups.of) != 2 || groups.of[busy] == nil {
		t.Errorf("%d groups", len(groups.of))
	}
}
