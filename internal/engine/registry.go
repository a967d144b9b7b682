package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Registration binds a platform to the engine that loads its models. One engine may
// serve several platforms.
type Registration struct {
	Platform Platform
	Engine   Engine
}

// Registry maps platform names to engines. The composition root builds it by hand;
// nothing registers itself. It is immutable until Close, and safe for concurrent use.
type Registry struct {
	registrations []Registration
	platforms     Platforms
}

// NewRegistry returns a registry that owns the engines of registrations. The first
// platform is the default. A missing engine or a platform registered twice is a
// programming error, and panics.
func NewRegistry(registrations ...Registration) *Registry {
	r := &Registry{registrations: slices.Clone(registrations)}
	for _, registration := range registrations {
		name := registration.Platform.Name
		if registration.Engine == nil || name == "" {
			panic(fmt.Sprintf("engine: platform %q is registered without a name or an engine", name))
		}
		if _, found := r.registration(name, len(r.platforms)); found {
			panic(fmt.Sprintf("engine: platform %q is registered twice", name))
		}
		r.platforms = append(r.platforms, registration.Platform)
	}
	return r
}

// Platforms returns the registered platforms, the default first. Callers do not modify
// the list.
func (r *Registry) Platforms() Platforms { return r.platforms }

// Load loads the model file at path with the engine of the platform called name; see
// [Loader]. An unregistered name is an ErrUnknownPlatform that lists the registered ones.
func (r *Registry) Load(ctx context.Context, name, path string, options LoadOptions) (Session, error) {
	registration, found := r.registration(name, len(r.registrations))
	if !found {
		return nil, fmt.Errorf("%w %q; available: %s", ErrUnknownPlatform, name, r.platforms.Names())
	}
	return registration.Engine.Load(ctx, path, options)
}

// registration returns the registration of a platform among the first n.
func (r *Registry) registration(name string, n int) (Registration, bool) {
	for _, registration := range r.registrations[:n] {
		if registration.Platform.Name == name {
			return registration, true
		}
	}
	return Registration{}, false
}

// Close closes the engines, the last registered first, each one once. It is called once,
// after every session has been closed.
func (r *Registry) Close() error {
	var errs []error
	closed := make(map[Engine]bool, len(r.registrations))
	for _, registration := range slices.Backward(r.registrations) {
		if !closed[registration.Engine] {
			closed[registration.Engine] = true
			errs = append(errs, registration.Engine.Close())
		}
	}
	return errors.Join(errs...)
}
