package repository

// publishLocked makes a snapshot the present one, and reports that to Options.Changed. The
// caller holds r.mu.
func (r *Repository[S]) publishLocked(next *Snapshot[S]) {
	r.snapshot.Store(next)
	if r.options.Changed != nil {
		r.options.Changed()
	}
}
