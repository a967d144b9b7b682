package handler

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// inferParameters are the parameters of a request that mean something here.
type inferParameters struct {
	// priority is 1 for the most urgent; 0 is the model's default.
	priority uint64
	// timeout is how long the request may wait for the model, from its arrival, where
	// the model's queue policy lets requests say so. 0: as long as the policy does.
	timeout time.Duration
}

// parameterSource returns the parameter of that name: a bool, int64, uint64, float64
// or string; nil where there is none.
type parameterSource func(name string) any

// finalResponseParameter asks for an answer that says that a stream's request has been
// answered in full, where a model gives several answers or none. Here each request
// has one answer.
const finalResponseParameter = "triton_enable_empty_final_response"

// readParameters reads the parameters of a request. Those that nobody here follows
// are a client's own, or belong to stateful models (sequence_id), and change nothing,
// except that the prefix triton_ is reserved.
func readParameters(names iter.Seq[string], get parameterSource) (inferParameters, error) {
	var p inferParameters
	for name := range names {
		switch {
		case name == "priority":
			n, err := wholeParameter(name, get(name))
			if err != nil {
				return p, err
			}
			p.priority = n
		case name == "timeout":
			n, err := wholeParameter(name, get(name))
			if err != nil {
				return p, err
			}
			if n > math.MaxInt64/uint64(time.Microsecond) {
				return p, invalidf("parameter timeout is %d: give microseconds, %d at most", n, math.MaxInt64/int64(time.Microsecond))
			}
			p.timeout = time.Duration(n) * time.Microsecond
		case name == finalResponseParameter:
			if _, ok := get(name).(bool); !ok {
				return p, invalidf("parameter %s is %v: give true or false", name, get(name))
			}
		case strings.HasPrefix(name, "triton_"):
			return p, invalidf("parameter %s is unknown: of those that begin with triton_, which are reserved, there is %s", name, finalResponseParameter)
		}
	}
	return p, nil
}

// readParameters reads the parameters of an output that is asked for.
func (o *inferOutput) readParameters(get parameterSource) error {
	if value := get("classification"); value != nil {
		classes, err := wholeParameter("classification", value)
		if err == nil && classes == 0 {
			err = invalidf("parameter classification is 0: give how many of the best classes to answer with")
		}
		if err != nil {
			return fmt.Errorf("output %q: %w", o.name, err)
		}
		o.classes = int(min(classes, math.MaxInt32))
	}
	var err error
	if o.region, err = readRegionParameters(get); err != nil {
		return fmt.Errorf("output %q: %w", o.name, err)
	}
	return nil
}

// readParameters reads the parameters of an input.
func (i *inferInput) readParameters(get parameterSource) error {
	var err error
	if i.region, err = readRegionParameters(get); err != nil {
		return fmt.Errorf("input %q: %w", i.name, err)
	}
	return nil
}

// readRegionParameters reads where in shared memory a tensor is; nil where it is not.
func readRegionParameters(get parameterSource) (*regionSpan, error) {
	region, offset, size := get("shared_memory_region"), get("shared_memory_offset"), get("shared_memory_byte_size")
	if region == nil && offset == nil && size == nil {
		return nil, nil
	}
	name, ok := region.(string)
	if !ok || name == "" {
		return nil, invalidf("parameter shared_memory_region is %v: give the name of a region that is registered", region)
	}
	if size == nil {
		return nil, invalidf("parameter shared_memory_byte_size is missing: shared_memory_region needs it")
	}
	span := &regionSpan{region: name}
	var err error
	if span.size, err = wholeParameter("shared_memory_byte_size", size); err != nil {
		return nil, err
	}
	if offset != nil {
		span.offset, err = wholeParameter("shared_memory_offset", offset)
	}
	return span, err
}

// wholeParameter returns a parameter that must be a whole number from 0.
func wholeParameter(name string, value any) (uint64, error) {
	switch v := value.(type) {
	case int64:
		if v >= 0 {
			return uint64(v), nil
		}
	case uint64:
		return v, nil
	}
	return 0, invalidf("parameter %s is %v: give a whole number from 0", name, value)
}

// schedule returns ctx with what else the scheduler is to know of the request, which is
// about to enter its queue.
func (p *inferParameters) schedule(ctx context.Context, started time.Time) context.Context {
	if p.priority == 0 && p.timeout == 0 {
		return ctx
	}
	request := scheduler.RequestOf(ctx)
	request.Priority = p.priority
	if p.timeout > 0 {
		if request.Timeout = p.timeout - time.Since(started); request.Timeout == 0 {
			request.Timeout = -1 // it has passed
		}
	}
	return scheduler.WithRequest(ctx, request)
}
