package repository

import (
	"context"
	"slices"
)

// UnloadModel takes a model out of service. It needs ControlExplicit. It ends a load of the
// model in progress, and does not wait for the leases of the model: until the last is
// released, the model is listed as unloading. A model that is not loaded is not an error;
// one that the repository does not have is an ErrNotFound. When ctx ends, UnloadModel
// returns and the unload continues.
func (r *Repository[S]) UnloadModel(ctx context.Context, name string) error {
	if err := r.controlled(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() { result <- r.unload(context.WithoutCancel(ctx), name) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Repository[S]) unload(ctx context.Context, name string) error {
	o, err := r.overtake(ctx, name)
	if err != nil {
		return err
	}
	defer o.end()
	if s := r.Snapshot(); s.model(name) == nil {
		return unknown("%q is %w; the server has %s", name, ErrNotFound, s.names())
	}
	o.options.Logger.Info("model is unloaded", "model", name)
	o.forget()
	r.update(name, func(m *Model[S]) *Model[S] {
		m.Reason = ""
		for _, v := range m.Versions {
			if v.State == Loading || v.State == Unavailable {
				m.put(&Version[S]{Model: name, Number: v.Number, State: Unavailable, Reason: reasonUnloaded})
			}
		}
		return m
	})
	r.retire(name, true, func(*Version[S]) bool { return true })
	return nil
}

// removed takes a model whose directory was removed out of service.
func (o *operation[S]) removed() {
	o.forget()
	o.update(o.name, func(m *Model[S]) *Model[S] {
		if m == nil {
			return nil
		}
		m.removed = true
		m.Versions = slices.DeleteFunc(m.Versions, func(v *Version[S]) bool { return v.State == Loading || v.State == Unavailable })
		return m.listed()
	})
	o.retire(o.name, false, func(*Version[S]) bool { return true })
}
