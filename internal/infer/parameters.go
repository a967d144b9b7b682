package infer

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// Parameters are the parameters of a request for its scheduling.
type Parameters struct {
	// Priority is 1 for the most urgent; 0 is the model's default.
	Priority uint64
	// Timeout bounds the wait for the model, from the request's arrival, where the
	// model's queue policy lets requests set it. 0: the policy's own.
	Timeout time.Duration
}

// ParameterSource returns the parameter of that name; the zero Parameter where there is
// none.
type ParameterSource func(name string) Parameter

// finalResponseParameter asks for a last, empty answer to a request of a stream, for
// models that give several answers or none. Here each request has one answer.
const finalResponseParameter = "triton_enable_empty_final_response"

// ReadParameters reads the parameters of a request. Unknown ones are a client's own, or
// belong to stateful models (sequence_id), and change nothing, except that the prefix
// triton_ is reserved.
func ReadParameters(names iter.Seq[string], get ParameterSource) (Parameters, error) {
	var p Parameters
	for name := range names {
		switch {
		case name == "priority":
			n, err := WholeParameter(name, get(name))
			if err != nil {
				return p, err
			}
			p.Priority = n
		case name == "timeout":
			n, err := WholeParameter(name, get(name))
			if err != nil {
				return p, err
			}
			if n > math.MaxInt64/uint64(time.Microsecond) {
				return p, Invalidf("parameter timeout is %d: give microseconds, %d at most", n, math.MaxInt64/int64(time.Microsecond))
			}
			p.Timeout = time.Duration(n) * time.Microsecond
		case name == finalResponseParameter:
			if _, ok := get(name).Bool(); !ok {
				return p, Invalidf("parameter %s is %v: give true or false", name, get(name))
			}
		case strings.HasPrefix(name, "triton_"):
			return p, Invalidf("parameter %s is unknown: the prefix triton_ is reserved, and the one parameter that has it is %s", name, finalResponseParameter)
		}
	}
	return p, nil
}

// ReadParameters reads the parameters of an output.
func (o *Output) ReadParameters(get ParameterSource) error {
	if value := get("classification"); value.Exists() {
		classes, err := WholeParameter("classification", value)
		if err == nil && classes == 0 {
			err = Invalidf("parameter classification is 0: give the number of best classes to return")
		}
		if err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		o.Classes = int(min(classes, math.MaxInt32))
	}
	var err error
	if o.Region, err = readRegionParameters(get); err != nil {
		return fmt.Errorf("output %q: %w", o.Name, err)
	}
	return nil
}

// ReadParameters reads the parameters of an input.
func (i *Input) ReadParameters(get ParameterSource) error {
	var err error
	if i.Region, err = readRegionParameters(get); err != nil {
		return fmt.Errorf("input %q: %w", i.Name, err)
	}
	return nil
}

// readRegionParameters reads the place of a tensor in shared memory; nil where it has
// none.
func readRegionParameters(get ParameterSource) (*Span, error) {
	region, offset, size := get("shared_memory_region"), get("shared_memory_offset"), get("shared_memory_byte_size")
	if !region.Exists() && !offset.Exists() && !size.Exists() {
		return nil, nil
	}
	name, ok := region.Text()
	if !ok || name == "" {
		return nil, Invalidf("parameter shared_memory_region is %v: give the name of a registered region", region)
	}
	if !size.Exists() {
		return nil, Invalidf("parameter shared_memory_byte_size is missing: shared_memory_region needs it")
	}
	span := &Span{Region: name}
	var err error
	if span.Size, err = WholeParameter("shared_memory_byte_size", size); err != nil {
		return nil, err
	}
	if offset.Exists() {
		span.Offset, err = WholeParameter("shared_memory_offset", offset)
	}
	return span, err
}

// WholeParameter returns a parameter that must be a whole number from 0.
func WholeParameter(name string, value Parameter) (uint64, error) {
	if v, ok := value.Whole(); ok {
		return v, nil
	}
	return 0, Invalidf("parameter %s is %v: give a whole number from 0", name, value)
}

// schedule returns ctx with the parameters for the scheduler, as the request enters its
// queue.
func (p *Parameters) schedule(ctx context.Context, started time.Time) context.Context {
	if p.Priority == 0 && p.Timeout == 0 {
		return ctx
	}
	request := scheduler.RequestOf(ctx)
	request.Priority = p.Priority
	if p.Timeout > 0 {
		if request.Timeout = p.Timeout - time.Since(started); request.Timeout == 0 {
			request.Timeout = -1 // passed already
		}
	}
	return scheduler.WithRequest(ctx, request)
}
