package infer

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// The repository's types, of versions that Compile has compiled.
type (
	// Repository holds the models.
	Repository = repository.Repository[*Serving]
	// RepositoryOptions tune a Repository.
	RepositoryOptions = repository.Options[*Serving]
	// Snapshot is the state of a Repository at one moment.
	Snapshot = repository.Snapshot[*Serving]
	// Model is a model and its versions.
	Model = repository.Model[*Serving]
	// Version is a version of a model.
	Version = repository.Version[*Serving]
	// Lease keeps a version loaded.
	Lease = repository.Lease[*Serving]
)

// Models is the part of a model repository that a Runner uses.
type Models interface {
	// Acquire leases a version for one request. An empty model is the default model,
	// and an empty version the newest that is ready.
	Acquire(model, version string) (*Lease, error)
	// Snapshot returns the repository's present state.
	Snapshot() *Snapshot
}

// Visible returns the present state of models, with those that the client of ctx may use.
func Visible(ctx context.Context, models interface{ Snapshot() *Snapshot }) *Snapshot {
	client, snapshot := permission.ClientOf(ctx), models.Snapshot()
	if client == nil || client.AllModels() {
		return snapshot
	}
	return snapshot.Only(client.AllowsModel)
}
