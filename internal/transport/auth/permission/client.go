package permission

import (
	"fmt"
	"path"
	"slices"
	"sync/atomic"
	"time"
)

// Client is an authenticated client with its permissions. Its fields do not change. It is safe for
// concurrent use.
type Client struct {
	// Name is unique among the clients.
	Name string
	// Actions are the actions that it may request: Infer, Read, Admin.
	Actions []Action
	// Models are patterns of [path.Match] of the models that it may use; "*" is all.
	Models []string
	// Expires is when the client stops to be valid. The zero value: never.
	Expires time.Time

	revoked atomic.Bool
}

// CheckPattern returns why a pattern of model names is not valid.
func CheckPattern(pattern string) error {
	if pattern == "" {
		return fmt.Errorf("model %q: give the name of a model, a pattern such as team-a-*, or * for all", pattern)
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("model %q: %w: give a name, or a pattern of *, ? and [a-z]", pattern, err)
	}
	return nil
}

// Revoke ends the validity of the client, also for its streams.
func (c *Client) Revoke() { c.revoked.Store(true) }

// Valid reports whether the client is neither expired nor revoked.
func (c *Client) Valid() bool {
	return !c.revoked.Load() && (c.Expires.IsZero() || time.Now().Before(c.Expires))
}

// AllModels reports whether the client may use every model.
func (c *Client) AllModels() bool { return slices.Contains(c.Models, "*") }

// AllowsModel reports whether the client may use a model.
func (c *Client) AllowsModel(name string) bool {
	return slices.ContainsFunc(c.Models, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return pattern == "*" || ok && err == nil
	})
}

// Permits returns an error that wraps [ErrForbidden] where the client lacks what a request needs.
func (c *Client) Permits(need Need) error {
	switch {
	case need.Action == Open, need.Action == Known:
		return nil
	case need.Action == Unclassified && !slices.Contains(c.Actions, Admin),
		need.Action != Unclassified && !slices.Contains(c.Actions, need.Action):
		return Forbidden("client %q does not have %s", c.Name, need.text())
	case need.AllModels && !c.AllModels():
		return forbidServer(c)
	case need.Model != "" && !c.AllowsModel(need.Model):
		return forbidModel(c, need.Model)
	}
	return nil
}
