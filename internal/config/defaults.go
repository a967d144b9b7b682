package config

import (
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/transport/server"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// Defaults, from the packages that own them.
const (
	defaultStreamWindow          = infer.DefaultStreamWindow
	defaultMaxImagePixels        = vision.DefaultMaxPixels
	defaultResponseCacheBytes    = respcache.DefaultMaxBytes
	defaultMaxQueue              = scheduler.DefaultMaxQueue
	defaultMaxQueueBytes         = scheduler.DefaultMaxQueueBytes
	defaultHangTimeout           = scheduler.DefaultHangTimeout
	defaultMaxMessageBytes       = wire.DefaultMaxMessageBytes
	defaultMaxConnections        = server.DefaultMaxConnections
	defaultMaxConnectionsPerPeer = server.DefaultMaxConnectionsPerPeer
	defaultMinReadRate           = server.DefaultMinReadRate
	defaultMinWriteRate          = server.DefaultMinWriteRate
	defaultTransferGrace         = server.DefaultTransferGrace
	defaultRunTimeout            = scheduler.DefaultMaxRun
	defaultProbeInputBytes       = scheduler.DefaultProbeBytes
	defaultMaxImageRatio         = 500
	defaultMaxOutputBytes        = engine.DefaultMaxOutputBytes
	// heldTimes is how many copies of a message are in memory at once.
	heldTimes = server.HeldTimes
)
