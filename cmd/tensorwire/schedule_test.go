package main

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/modelconfig"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// slow is a session whose calls run until their context ends.
type slow struct {
	engine.Session
	running atomic.Int64
}

func (s *slow) Run(ctx context.Context, _ []tensor.Tensor) (*engine.Result, error) {
	s.running.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestInstancesAreTheModelsBeforeTheServers(t *testing.T) {
	for name, test := range map[string]struct {
		groups []*inference.ModelInstanceGroup
		want   int64
	}{
		"the server's":   {nil, 3},
		"the model's":    {[]*inference.ModelInstanceGroup{{Count: 2}}, 2},
		"several groups": {[]*inference.ModelInstanceGroup{{Count: 2}, {Count: 3}}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model, err := modelconfig.Complete(&inference.ModelConfig{InstanceGroup: test.groups}, "m", &engine.Signature{})
				if err != nil {
					t.Fatal(err)
				}
				calls := &slow{}
				session := schedule(&config.Config{Instances: 3, MaxQueue: 10})(calls, model)
				if got := modelconfig.Instances(model); int64(got) != test.want {
					t.Errorf("the configuration says %d instances, want %d", got, test.want)
				}
				ctx, cancel := context.WithCancel(t.Context())
				for range 8 {
					go func() { _, _ = session.Run(ctx, nil) }()
				}
				synctest.Wait()
				if got := calls.running.Load(); got != test.want {
					t.Errorf("%d calls run at once, want %d", got, test.want)
				}
				cancel()
			})
		})
	}
}
