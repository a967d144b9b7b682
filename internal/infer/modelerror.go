package infer

import "errors"

// versionError is an error of a request that a version ran. Its text is the cause's.
type versionError struct {
	error
	model   string
	version int64
}

func (e *versionError) Unwrap() error { return e.error }

// onVersion returns an error of a request that the leased version ran.
func onVersion(lease *Lease, err error) error {
	return &versionError{err, lease.Model, lease.Number}
}

// VersionOf returns the version that ran the request of an error. It is found where the
// request named no model, too. ok is false for an error from before a version was found.
func VersionOf(err error) (model string, version int64, ok bool) {
	if e, found := errors.AsType[*versionError](err); found {
		return e.model, e.version, true
	}
	return "", 0, false
}
