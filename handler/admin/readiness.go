package admin

import (
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

var (
	errStarting = errors.New("it is starting: models are loading")
	errStopping = errors.New("it is stopping")
)

// Readiness says whether a server is ready for requests. It is safe for concurrent use. Its
// errors are short texts for clients, without paths.
type Readiness struct {
	models    interface{ Snapshot() *infer.Snapshot }
	lifecycle *telemetry.Lifecycle
	strict    bool
}

// NewReadiness returns the readiness of a server with these models. lifecycle is ready when
// the loads of the start have finished, whether they succeeded or not. With strict, Server
// is the same as Protocol.
func NewReadiness(models interface{ Snapshot() *infer.Snapshot }, lifecycle *telemetry.Lifecycle, strict bool) *Readiness {
	return &Readiness{models: models, lifecycle: lifecycle, strict: strict}
}

// Protocol returns why the server is not ready in the sense of the Open Inference Protocol:
// each model that should be loaded is ready, as ModelReady reports it. nil: it is ready. A
// model that waits to be loaded by request, or was unloaded by one, does not count.
func (r *Readiness) Protocol() error {
	if err := r.running(); err != nil {
		return err
	}
	c := r.count()
	if c.receiving == c.wanted {
		return nil
	}
	return fmt.Errorf("%d of %d models are not ready", c.wanted-c.receiving, c.wanted)
}

// Server returns why load balancers should send no requests to the server; nil: it is ready.
// Without strict, a server is ready from the end of its start to its stop, except when it
// can serve nothing: some models should be loaded, and none is. Failures of calls do not
// count here, because only further calls show that a model has recovered.
func (r *Readiness) Server() error {
	if r.strict {
		return r.Protocol()
	}
	if err := r.running(); err != nil {
		return err
	}
	if c := r.count(); c.wanted > 0 && c.loaded == 0 {
		return fmt.Errorf("none of %d models is loaded", c.wanted)
	}
	return nil
}

// running returns an error before the end of the start, and from the stop on.
func (r *Readiness) running() error {
	switch {
	case r.lifecycle.Stopped():
		return errStopping
	case !r.lifecycle.Ready():
		return errStarting
	}
	return nil
}

// modelCounts are the numbers of models: those that should be loaded, those of them that
// have a version that is, and those of these that receive requests.
type modelCounts struct{ wanted, loaded, receiving int }

func (r *Readiness) count() (c modelCounts) {
	for _, m := range r.models.Snapshot().Models {
		if !m.Wanted() {
			continue
		}
		c.wanted++
		if v := m.Newest(); v != nil {
			c.loaded++
			if v.Failing() == nil {
				c.receiving++
			}
		}
	}
	return c
}
