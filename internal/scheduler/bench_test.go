package scheduler_test

import (
	"context"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/scheduler"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// instant is an engine that costs nothing.
type instant struct{ fake }

func (*instant) Run(context.Context, []tensor.Tensor) (*engine.Result, error) {
	return &engine.Result{Outputs: []tensor.Tensor{enginetest.Input(1, 2)}}, nil
}

// BenchmarkRun is what the scheduler adds to a call, for one caller and for many.
func BenchmarkRun(b *testing.B) {
	in := []tensor.Tensor{enginetest.Input(1, 2)}
	for name, session := range map[string]engine.Session{
		"engine alone": &instant{},
		"scheduled":    scheduler.New(&instant{}, scheduler.Options{}),
		"batching":     scheduler.New(&instant{}, scheduler.Options{Batching: &scheduler.Batching{MaxSize: 8}}),
	} {
		b.Run(name+"/1 caller", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := session.Run(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/32 callers", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := session.Run(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		if err := session.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
