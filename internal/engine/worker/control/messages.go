package control

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// Request is a message of the server after the handshake. One of its pointers is set.
// Answers may come in any order; a Cancel has none.
type Request struct {
	// ID is unique within the process. It identifies the Response, and the session of a
	// Load.
	ID      uint64
	Load    *Load    `json:",omitempty"`
	Unload  *Unload  `json:",omitempty"`
	Profile *Profile `json:",omitempty"`
	Cancel  *Cancel  `json:",omitempty"`
	Ping    *Ping    `json:",omitempty"`
	Share   *Share   `json:",omitempty"`
}

// Load loads a model. Its session gets the ID of the request.
type Load struct {
	Platform string // the name of an engine.Platform
	Path     string
	Options  engine.LoadOptions
}

// Unload closes the session of an earlier Load.
type Unload struct{ Session uint64 }

// Profile takes a profile of the worker.
type Profile struct {
	// Name is "cpu", or a profile of runtime/pprof.
	Name string
	// Debug is the argument of pprof.Profile.WriteTo: 0 is pprof's format, others are text.
	Debug int
	// Duration is that of a CPU profile.
	Duration time.Duration
}

// Cancel ends the context of an earlier Load, whose response still comes.
type Cancel struct{ Request uint64 }

// Ping asks whether the worker answers. Its Response is empty.
type Ping struct{}

// Share sets what the worker's Go code may use: GOMAXPROCS, and GOMEMLIMIT in bytes. 0 changes
// nothing. Its Response is empty.
type Share struct {
	MaxProcs      int
	GoMemoryLimit int64
}

// Response answers the Request with its ID.
type Response struct {
	ID uint64
	// Code and Text are of package errcode. A Code of 0 is success.
	Code      errcode.Code      `json:",omitempty"`
	Text      string            `json:",omitempty"`
	Signature *engine.Signature `json:",omitempty"` // of a Load
	Profile   []byte            `json:",omitempty"` // of a Profile
}
