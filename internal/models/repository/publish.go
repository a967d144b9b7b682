package repository

import "slices"

// update publishes a snapshot with a change to the model of that name. change gets a copy
// of the model, nil where there is none, and returns the model to list, nil to list none.
// It must not block: other changes wait for it. After Close it has no effect.
func (r *Repository[S]) update(name string, change func(m *Model[S]) *Model[S]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	old := r.snapshot.Load()
	at, found := old.find(name)
	var m *Model[S]
	if found {
		copied := *old.Models[at]
		copied.Versions = slices.Clone(copied.Versions)
		m = &copied
	}
	m = change(m)
	next := &Snapshot[S]{Models: slices.Clone(old.Models), Generation: old.Generation + 1}
	switch {
	case found && m == nil:
		next.Models = slices.Delete(next.Models, at, at+1)
	case found && m.same(old.Models[at]), m == nil:
		return
	case found:
		next.Models[at] = m
	default:
		next.Models = slices.Insert(next.Models, at, m)
	}
	next.DefaultModel = r.defaultModel(next.Models, old.DefaultModel)
	r.publishLocked(next)
}

// defaultModel returns the model of a request without a name: the configured one, else the
// only one, else the only one that is ready. While others may still become ready, the
// latter is only the model that was the default before.
func (r *Repository[S]) defaultModel(models []*Model[S], before string) string {
	if r.options.DefaultModel != "" {
		return r.options.DefaultModel
	}
	if len(models) == 1 {
		return models[0].Name
	}
	only, loading := "", false
	for _, m := range models {
		switch {
		case m.Newest() == nil:
			loading = loading || slices.ContainsFunc(m.Versions, func(v *Version[S]) bool { return v.State == Loading })
		case only != "":
			return ""
		default:
			only = m.Name
		}
	}
	if loading && only != before {
		return ""
	}
	return only
}

// swap puts a version into service, in place of the one of its number, which stays open
// until its last lease is released.
func (r *Repository[S]) swap(next *Version[S]) {
	var old *Version[S]
	r.update(next.Model, func(m *Model[S]) *Model[S] {
		if m == nil {
			m = &Model[S]{Name: next.Model}
		}
		old = m.version(next.Number)
		m.put(next)
		return m
	})
	if old != nil && old.instance != nil {
		old.instance.drop()
	}
}

// retire takes the versions of a model that are ready and that pick selects out of service.
// Each is listed as Unloading until its last lease is released, and then as unloaded or,
// without unloaded, not at all. retire returns their instances.
func (r *Repository[S]) retire(name string, unloaded bool, pick func(v *Version[S]) bool) (retired []*instance) {
	leaving := make(map[*Version[S]]*instance) // by their replacement in the list
	r.update(name, func(m *Model[S]) *Model[S] {
		if m == nil {
			return nil
		}
		for i, v := range m.Versions {
			if v.State == Ready && pick(v) {
				m.Versions[i] = &Version[S]{Model: name, Number: v.Number, State: Unloading}
				leaving[m.Versions[i]] = v.instance
			}
		}
		return m.listed()
	})
	for place, instance := range leaving {
		instance.after = func() {
			r.update(name, func(m *Model[S]) *Model[S] {
				if m == nil {
					return nil
				}
				i := slices.Index(m.Versions, place)
				switch {
				case i < 0: // loaded again meanwhile
				case unloaded:
					m.Versions[i] = &Version[S]{Model: name, Number: place.Number, State: Unavailable, Reason: reasonUnloaded}
				default:
					m.Versions = slices.Delete(m.Versions, i, i+1)
				}
				return m.listed()
			})
		}
		instance.drop()
		retired = append(retired, instance)
	}
	return retired
}

// listed returns m, or nil when it was removed and has no versions.
func (m *Model[S]) listed() *Model[S] {
	if m.removed && len(m.Versions) == 0 {
		return nil
	}
	return m
}
