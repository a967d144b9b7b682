package repository

import (
	"iter"
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// State is the state of a version.
type State uint8

// A version is Loading until it is Ready or Unavailable. It is Unloading while it is out
// of service and still has leases.
const (
	Loading State = iota
	Ready
	Unavailable
	Unloading
)

// reasonUnloaded is the Reason of a version that was unloaded by request.
const reasonUnloaded = "unloaded"

// Activation is the function of a model's configuration that turns its first output into
// probabilities.
type Activation uint8

const (
	// ActivationUnset leaves the decision to the problem type and the graph.
	ActivationUnset Activation = iota
	// ActivationNone leaves the output unchanged.
	ActivationNone
	// ActivationSoftmax is for logits of mutually exclusive classes.
	ActivationSoftmax
	// ActivationSigmoid is for logits of independent classes.
	ActivationSigmoid
)

// Model is a model and its versions. It is immutable.
type Model[S any] struct {
	Name string
	// Versions are sorted, the newest first: those that the version policy selects, and
	// those that still serve. It is empty when there are none, with a Reason, and when the
	// model waits to be loaded by request, with an empty Reason.
	Versions []*Version[S]
	Reason   string

	// skipped are the versions that are not served. It is empty while the directory has not
	// been read.
	skipped skipped
	// removed reports that the model's directory was removed: the model is no longer listed
	// once its last version is closed.
	removed bool
}

// Newest returns the newest version that is ready, or nil.
func (m *Model[S]) Newest() *Version[S] {
	for _, v := range m.Versions {
		if v.State == Ready {
			return v
		}
	}
	return nil
}

// Wanted reports whether the model should be loaded: it is not one that waits for a request,
// or that was unloaded by one.
func (m *Model[S]) Wanted() bool {
	if len(m.Versions) == 0 {
		return m.Reason != ""
	}
	return slices.ContainsFunc(m.Versions, (*Version[S]).Wanted)
}

// OldestFirst iterates over the versions in the order of their numbers.
func (m *Model[S]) OldestFirst() iter.Seq[*Version[S]] {
	return func(yield func(*Version[S]) bool) {
		for _, v := range slices.Backward(m.Versions) {
			if !yield(v) {
				return
			}
		}
	}
}

// version returns the version of that number, or nil.
func (m *Model[S]) version(number int64) *Version[S] {
	if i, found := m.find(number); found {
		return m.Versions[i]
	}
	return nil
}

// serves reports whether the version of that number is in service and its last load
// succeeded. m may be nil.
func (m *Model[S]) serves(number int64) bool {
	if m == nil {
		return false
	}
	v := m.version(number)
	return v != nil && v.State == Ready && v.Reason == ""
}

// servesFiles reports whether the version of that number is in service and was loaded from
// the files with the fingerprint key. m may be nil.
func (m *Model[S]) servesFiles(number int64, key fingerprint) bool {
	if m == nil {
		return false
	}
	v := m.version(number)
	return v != nil && v.State == Ready && v.key == key
}

func (m *Model[S]) find(number int64) (int, bool) {
	return slices.BinarySearchFunc(m.Versions, number, func(v *Version[S], number int64) int { return compareNewest(v.Number, number) })
}

// put sets the version of v's number to v. It is for models that are not published.
func (m *Model[S]) put(v *Version[S]) {
	i, found := m.find(v.Number)
	if !found {
		m.Versions = slices.Insert(m.Versions, i, v)
	}
	m.Versions[i] = v
}

// same reports whether other lists the identical versions.
func (m *Model[S]) same(other *Model[S]) bool {
	return m.Reason == other.Reason && m.removed == other.removed && m.skipped.equal(&other.skipped) && slices.Equal(m.Versions, other.Versions)
}

// compareNewest orders version numbers, the newest first.
func compareNewest(a, b int64) int { return int(min(max(b-a, -1), 1)) }

// Version is one version of a model. Its exported fields are immutable; those
// after Reason are set when it is Ready.
type Version[S any] struct {
	Model string
	// Number is the name of the version's directory.
	Number int64
	State  State
	// Reason is why the version is not ready or, for one that is, why the last attempt to
	// replace it failed. It is for clients too: it has no path outside the model's directory.
	Reason string

	Signature *engine.Signature
	// Config is the model's configuration, completed from the model.
	Config *inference.ModelConfig
	// Statistics counts the version's requests since it was last loaded.
	Statistics *telemetry.Statistics
	// Labels are the names of the classes of the first output by index, "" for a class
	// without one; nil when there are none. Of scores of classes, there are as many labels
	// as classes.
	Labels []string
	// OutputLabels are the labels of outputs in the configuration, by the output's name.
	OutputLabels map[string][]string
	// Activation is function_to_apply in config.json.
	Activation Activation
	// ProblemType is problem_type in config.json: "single_label_classification",
	// "multi_label_classification", "regression" or empty.
	ProblemType string
	// ImageFiles are the files that may have the preprocessing of images, in order of
	// precedence. They are nil after Options.Compile.
	ImageFiles []vision.ConfigFile
	// Serving is the result of Options.Compile; the zero value without one.
	Serving S

	// offered are the labels from which Labels are chosen.
	offered  []labelList
	warnings []string

	// instance has the version's session; nil unless it is Ready.
	instance *instance
	// key is the fingerprint of the files from which the version was loaded.
	key fingerprint
}

// Name returns the number as the protocols write it.
func (v *Version[S]) Name() string { return strconv.FormatInt(v.Number, 10) }

// Wanted reports whether the version should be loaded: it was not taken out of service.
func (v *Version[S]) Wanted() bool {
	return v.State != Unloading && (v.State != Unavailable || v.Reason != reasonUnloaded)
}

// Condition returns the state as clients see it, and the reason for it: a version that
// keeps failing is Unavailable until it has recovered. One whose worker starts again is Ready,
// since requests wait, and has the reason of that.
func (v *Version[S]) Condition() (State, string) {
	if err := v.Failing(); err != nil {
		return Unavailable, err.Error()
	}
	if worker, ok := v.Worker(); ok && worker.PID == 0 && v.Reason == "" {
		return v.State, worker.Reason
	}
	return v.State, v.Reason
}

// Failing returns why the version does not receive requests at present although it is
// Ready: its last calls failed, or do not return, or no worker runs it. It is nil for a
// healthy version.
func (v *Version[S]) Failing() error {
	if v.instance == nil {
		return nil
	}
	if err := engine.Failing(v.instance.bare); err != nil {
		return err
	}
	return engine.Failing(v.instance.session)
}

// Worker returns the state of the worker process that runs the version. ok is false where
// there is none.
func (v *Version[S]) Worker() (state engine.Worker, ok bool) {
	if v.instance == nil {
		return engine.Worker{}, false
	}
	return engine.WorkerOf(v.instance.bare)
}

// withReason returns the version as it keeps serving after an attempt to replace it
// failed.
func (v *Version[S]) withReason(reason string) *Version[S] {
	kept := *v
	kept.Reason = reason
	return &kept
}
