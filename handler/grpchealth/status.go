package grpchealth

import (
	"errors"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// statusOf returns the status of what a health check names; statusServiceUnknown where there is
// no such thing.
func (s *Service) statusOf(name string) servingStatus {
	if _, service := slices.BinarySearch(s.services, name); service || name == "" {
		return serves(!s.lifecycle.Stopped() && s.ready() == nil)
	}
	model, version, ok := strings.Cut(name, "/")
	if model == "" || ok && version == "" {
		return statusServiceUnknown
	}
	return s.modelStatus(s.models.Snapshot(), model, version)
}

// modelStatus returns the status of a version of a model; an empty version is the newest
// that is ready.
func (s *Service) modelStatus(models *infer.Snapshot, model, version string) servingStatus {
	_, v, err := models.Lookup(model, version)
	switch {
	case errors.Is(err, repository.ErrUnavailable):
		return statusNotServing // it is not loaded, or the server is stopped
	case err != nil:
		return statusServiceUnknown
	}
	return serves(!s.lifecycle.Stopped() && v.State == repository.Ready && v.Failing() == nil)
}

func serves(yes bool) servingStatus {
	if yes {
		return statusServing
	}
	return statusNotServing
}
