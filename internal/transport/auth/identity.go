package auth

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// identity is a client as JSON.
type identity struct {
	Name    string     `json:"name"`
	Actions []string   `json:"actions"`
	Models  []string   `json:"models"`
	Expires *time.Time `json:"expires,omitempty"`
}

// ServeIdentity answers with the client of a request and its permissions, as JSON: name, actions,
// models, and expires in RFC 3339, if it does. Without authentication the name is empty, and all
// clients may infer and read. It is an [http.HandlerFunc].
func ServeIdentity(w http.ResponseWriter, r *http.Request) {
	answer := identity{Actions: []string{permission.Infer.String(), permission.Read.String()}, Models: []string{"*"}}
	if client := permission.ClientOf(r.Context()); client != nil {
		answer = identity{Name: client.Name, Models: client.Models}
		for _, action := range client.Actions {
			answer.Actions = append(answer.Actions, action.String())
		}
		if !client.Expires.IsZero() {
			answer.Expires = &client.Expires
		}
	}
	w.Header().Set(wire.HeaderContentType, "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the client may have disconnected
}
