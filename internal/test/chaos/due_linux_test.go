package chaos_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// A run of as many intervals as there are kinds of faults has each kind, also one that finds
// no target at first.
func TestEachKindOfFaultComesEarly(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			c := &chaos{server: &server{}, counts: map[string]int{}}
			attempts := map[string]int{}
			list := []fault{}
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				list = append(list, fault{name, func(context.Context, *rand.Rand) error {
					c.mu.Lock()
					defer c.mu.Unlock()
					if attempts[name]++; name == "c" && attempts[name] == 1 {
						return errNoVictim
					}
					return nil
				}})
			}
			ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second) // 7 intervals of at most 1.5 s
			defer cancel()
			c.run(ctx, list, seed, time.Second)
			for _, f := range list {
				if c.counts[f.name] == 0 {
					t.Errorf("seed %d: no fault of kind %s: %v", seed, f.name, c.counts)
				}
			}
		})
	}
}
