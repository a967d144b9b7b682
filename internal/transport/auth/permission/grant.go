package permission

import (
	"context"
	"sync/atomic"
)

// Grant is what a request may do, in its context. It is safe for concurrent use.
type Grant struct {
	client *Client // nil: everything
	model  atomic.Pointer[string]
}

type grantKey struct{}

// With returns a context with the grant of a client; nil is a client without restrictions.
func With(ctx context.Context, client *Client) (context.Context, *Grant) {
	g := &Grant{client: client}
	return context.WithValue(ctx, grantKey{}, g), g
}

// Model returns the model that the request named last, for the audit log; empty: none.
func (g *Grant) Model() string {
	if name := g.model.Load(); name != nil {
		return *name
	}
	return ""
}

func grantOf(ctx context.Context) *Grant {
	g, _ := ctx.Value(grantKey{}).(*Grant)
	return g
}

// ClientOf returns the client of the request of ctx; nil: it has none.
func ClientOf(ctx context.Context) *Client {
	if g := grantOf(ctx); g != nil {
		return g.client
	}
	return nil
}

// CheckModel returns an [ErrForbidden] where the client of ctx may not use a model, and an
// [ErrUnauthenticated] where it is not valid any more, as in a stream that outlasts its token. An
// empty model is the default one: the caller checks its name once it is known. Without a client it
// returns nil.
func CheckModel(ctx context.Context, model string) error {
	g := grantOf(ctx)
	if g == nil {
		return nil
	}
	if model != "" {
		g.model.Store(&model)
	}
	switch {
	case g.client == nil:
		return nil
	case !g.client.Valid():
		return ErrUnauthenticated
	case model != "" && !g.client.AllowsModel(model):
		return forbidModel(g.client, model)
	}
	return nil
}

// CheckAllModels is [CheckModel] for a request that is about all models.
func CheckAllModels(ctx context.Context) error {
	if err := CheckModel(ctx, ""); err != nil {
		return err
	}
	if client := ClientOf(ctx); client != nil && !client.AllModels() {
		return forbidServer(client)
	}
	return nil
}
