package permission

import (
	"fmt"
	"strings"
)

// Action is a class of requests.
type Action uint8

// The actions. The zero value needs Admin: a route without a class is not open.
const (
	// Unclassified is no class.
	Unclassified Action = iota
	// Open needs no permission: probes and the page.
	Open
	// Known needs a valid client, with any permission.
	Known
	// Read is for descriptions of models and the server, statistics and metrics.
	Read
	// Infer is for running models.
	Infer
	// Admin is for what changes or inspects the server itself: model control, log and trace
	// settings, shared memory, and profiles.
	Admin
)

// grantable are the actions that a client may have, by name.
var grantable = map[string]Action{"infer": Infer, "read": Read, "admin": Admin}

// ParseAction returns the action that a client may have by its name: infer, read or admin.
func ParseAction(name string) (Action, error) {
	if action, ok := grantable[name]; ok {
		return action, nil
	}
	return 0, fmt.Errorf("action %q: give infer, read or admin", name)
}

// String returns the action's name.
func (a Action) String() string {
	for name, action := range grantable {
		if action == a {
			return name
		}
	}
	switch a {
	case Open:
		return "open"
	case Known:
		return "known"
	}
	return "unclassified"
}

// Need is the permission that a request needs.
type Need struct {
	Action Action
	// Model is the model that the path names. Empty: the message names it, or none is.
	Model string
	// AllModels is set where the request is about the whole server, such as metrics: it needs
	// a client that may use every model.
	AllModels bool
	// Stream is set for requests that last: streams of messages.
	Stream bool
}

// text describes the need for the error of a client that lacks it.
func (n Need) text() string {
	action := n.Action
	if action == Unclassified {
		action = Admin
	}
	return strings.TrimSpace("the action " + action.String())
}
