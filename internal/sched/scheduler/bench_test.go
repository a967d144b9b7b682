package scheduler_test

import (
	"context"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// instant is an engine without cost: it returns zeros for up to 8 rows.
type instant struct {
	signature *engine.Signature
	zeros     []byte
}

func newInstant() *instant {
	return &instant{(*fake).Signature(nil), make([]byte, 8*8)}
}

func (s *instant) Signature() *engine.Signature { return s.signature }
func (s *instant) Close() error                 { return nil }

func (s *instant) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	out := inputs[0]
	out.Data = s.zeros[:len(out.Data)]
	return &engine.Result{Outputs: []tensor.Tensor{out}}, nil
}

// BenchmarkRun measures the overhead of the scheduler, for one caller and for many.
func BenchmarkRun(b *testing.B) {
	in := []tensor.Tensor{enginetest.Input(1, 2)}
	for name, session := range map[string]engine.Session{
		"engine alone": newInstant(),
		"scheduled":    scheduler.New(newInstant(), scheduler.Options{}),
		"batching":     scheduler.New(newInstant(), scheduler.Options{Batching: &scheduler.Batching{MaxSize: 8}}),
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
