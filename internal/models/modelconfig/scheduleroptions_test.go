package modelconfig_test

import (
	"context"
	"math"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// slow is a session whose calls run until their context ends.
type slow struct {
	running atomic.Int64
}

func (s *slow) Signature() *engine.Signature { return &engine.Signature{} }

func (s *slow) Close() error { return nil }

func (s *slow) Run(ctx context.Context, _ []tensor.Tensor) (*engine.Result, error) {
	s.running.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestConfiguredInstancesOverrideTheDefault(t *testing.T) {
	for name, test := range map[string]struct {
		groups []*inference.ModelInstanceGroup
		want   int64
	}{
		"the default":    {nil, 3},
		"one group":      {[]*inference.ModelInstanceGroup{{Count: 2}}, 2},
		"several groups": {[]*inference.ModelInstanceGroup{{Count: 2}, {Count: 3}}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				model, err := modelconfig.Complete(&inference.ModelConfig{InstanceGroup: test.groups}, "m", engine.ONNXRuntime, &engine.Signature{})
				if err != nil {
					t.Fatal(err)
				}
				calls := &slow{}
				options := modelconfig.SchedulerOptions(model, modelconfig.ServerDefaults{Instances: 3, MaxQueue: 10})
				session := scheduler.New(calls, options)
				if got := modelconfig.Instances(model); int64(got) != test.want {
					t.Errorf("the configuration has %d instances, want %d", got, test.want)
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
				if err := session.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTheSchedulerFollowsTheConfiguration(t *testing.T) {
	server := modelconfig.ServerDefaults{Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000}
	for text, want := range map[string]scheduler.Options{
		``:                  {Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000, Levels: []scheduler.Policy{{Override: true}}},
		`max_batch_size: 8`: {Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000, BatchDimension: true, Levels: []scheduler.Policy{{Override: true}}},
		`max_batch_size: 8 dynamic_batching {}`: {
			Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000, BatchDimension: true,
			Batching: &scheduler.Batching{MaxSize: 8, Preferred: []int{}}, Levels: []scheduler.Policy{{}},
		},
		`dynamic_batching { preserve_ordering: true }`: {
			Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000,
			Batching: &scheduler.Batching{MaxSize: 1, Preferred: []int{}, PreserveOrdering: true}, Levels: []scheduler.Policy{{}},
		},
		`max_batch_size: 8
		dynamic_batching {
		  default_queue_policy { max_queue_size: 7 }
		  priority_queue_policy { key: 1 value { max_queue_size: 1 } }
		}`: {
			Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000, BatchDimension: true,
			Batching: &scheduler.Batching{MaxSize: 8, Preferred: []int{}}, Levels: []scheduler.Policy{{MaxQueue: 7}},
		},
		`max_batch_size: 8
		dynamic_batching {
		  preferred_batch_size: [ 8, 4 ]
		  max_queue_delay_microseconds: 500
		  preserve_ordering: true
		  default_queue_policy { max_queue_size: 7 }
		}`: {
			Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000, BatchDimension: true,
			Batching: &scheduler.Batching{MaxSize: 8, Preferred: []int{4, 8}, MaxDelay: 500 * time.Microsecond, PreserveOrdering: true},
			Levels:   []scheduler.Policy{{MaxQueue: 7}},
		},
		`max_batch_size: 8
		dynamic_batching {
		  priority_levels: 3
		  default_priority_level: 2
		  default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1000 allow_timeout_override: true }
		  priority_queue_policy { key: 3 value { max_queue_size: 5 default_timeout_microseconds: 18446744073709551615 } }
		}`: {
			Instances: 3, MaxQueue: 10, MaxQueueBytes: 1000, BatchDimension: true,
			Batching:     &scheduler.Batching{MaxSize: 8, Preferred: []int{}},
			DefaultLevel: 2,
			Levels: []scheduler.Policy{
				{Timeout: time.Millisecond, Override: true, Delay: true},
				{Timeout: time.Millisecond, Override: true, Delay: true},
				{MaxQueue: 5, Timeout: math.MaxInt64 / 1000 * 1000},
			},
		},
	} {
		model, _, err := modelconfig.Parse([]byte(text), platforms)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := modelconfig.SchedulerOptions(model, server); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngives %+v\nwant  %+v", text, got, want)
		}
	}
}
