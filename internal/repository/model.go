package repository

import (
	"sync/atomic"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/observe"
)

// State says whether a version can be run.
type State uint8

// A version is Loading until it is Ready or Unavailable, and Unloading from when it is
// taken out of service until its last lease is released.
const (
	Loading State = iota
	Ready
	Unavailable
	Unloading
)

// Activation is what a model's configuration says about turning its first output
// into probabilities.
type Activation uint8

const (
	// ActivationUnset leaves the decision to the problem type and the graph.
	ActivationUnset Activation = iota
	// ActivationNone says that the output stands as it is.
	ActivationNone
	// ActivationSoftmax says that the output is logits of classes of which one
	// holds.
	ActivationSoftmax
	// ActivationSigmoid says that the output is logits of classes that hold each
	// for itself.
	ActivationSigmoid
)

// Model is a model and its versions. It is immutable.
type Model struct {
	Name string
	// Versions are sorted, the newest first. Empty when the model's directory has
	// none; Reason then says so.
	Versions []*Version
	Reason   string
}

// Newest returns the newest version that is ready, or nil.
func (m *Model) Newest() *Version {
	for _, v := range m.Versions {
		if v.State == Ready {
			return v
		}
	}
	return nil
}

// Version is one version of a model. Its exported fields are immutable; those
// after Reason are set when it is Ready.
type Version struct {
	Model string
	// Number is the name of the version's directory.
	Number int64
	State  State
	// Reason says why the version is not ready; of a version that is, why the last
	// attempt to replace it failed. It is fit for a client: it tells no path outside
	// the model's directory.
	Reason string

	Signature *engine.Signature
	// Config is the model's configuration, completed from the model.
	Config *inference.ModelConfig
	// Statistics counts the version's requests.
	Statistics *observe.Statistics
	// Labels are the names of the classes of the first output by index; nil when
	// there are none.
	Labels []string
	// OutputLabels are the labels that the configuration gives to outputs, by the
	// output's name.
	OutputLabels map[string][]string
	// Activation is what function_to_apply in config.json says.
	Activation Activation
	// ProblemType is problem_type in config.json: "single_label_classification",
	// "multi_label_classification", "regression" or empty.
	ProblemType string
	// Preprocessor is the content of preprocessor_config.json; nil when the model
	// has none.
	Preprocessor []byte
	// Compiled is what Options.Compile made of the version.
	Compiled any

	session engine.Session
	// refs counts the leases, and 1 for the repository until it lets go.
	refs atomic.Int64
	// closed is called with the result of closing session.
	closed func(error)
}

// acquire adds a reference, unless the last one is gone.
func (v *Version) acquire() bool {
	for {
		n := v.refs.Load()
		if n == 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release drops a reference, and closes the session with the last.
func (v *Version) release() {
	if v.refs.Add(-1) == 0 {
		v.closed(v.session.Close())
	}
}

// Lease keeps a version loaded. It is for one goroutine, or for several that
// agree on who releases it.
type Lease struct {
	*Version
	released bool
}

// Session returns the version's session, which runs until Release.
func (l *Lease) Session() engine.Session { return l.session }

// Release gives the version back. Later calls do nothing.
func (l *Lease) Release() {
	if !l.released {
		l.released = true
		l.release()
	}
}
