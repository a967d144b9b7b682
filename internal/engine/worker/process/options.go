package process

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// Options configure a worker. The zero value has the defaults.
type Options struct {
	// Path is the program of the worker. Empty: the program of this process, which must
	// call tensorwire.RunWorker first thing in main.
	Path string
	// Args are the arguments of the program. nil: "worker".
	Args []string
	// Env is added to the environment, which otherwise has what the Go runtime and the
	// dynamic loader need.
	Env []string

	// Slots is the number of concurrent runs. 0: 1.
	Slots int
	// Channel tunes the data path. Broken is set by Start: it kills the worker.
	Channel channel.Options

	// Library is the path of the engine's shared library.
	Library string
	// IntraOpThreads and InterOpThreads are the runtime's threads for models that set
	// none. 0: the engine's default.
	IntraOpThreads, InterOpThreads int
	// ReadPaths are the files and directories that the worker can read once the library is
	// loaded: absolute, without symbolic links (see [Readable]).
	ReadPaths []string

	// Share is what the worker's own Go code may use at first; see Process.SetShare.
	Share Share
	// MemoryLimit bounds the worker's memory in bytes, shared memory in proportion (PSS). A
	// worker that exceeds it is killed with engine.ErrOutOfMemory. Private memory is also
	// bounded by the kernel, DataMargin above it: an allocation beyond that fails in the
	// worker. 0: no limit.
	MemoryLimit int64
	// MemoryInterval is the time between two measurements. 0: 1 second.
	MemoryInterval time.Duration

	// HelloTimeout bounds the time until the program proves to be a worker. 0: 10 seconds.
	HelloTimeout time.Duration
	// ReadyTimeout bounds the time after that until the runtime's library is loaded.
	// 0: 1 minute.
	ReadyTimeout time.Duration

	// PingInterval is the time between two pings, 0: 1 second. A worker that answers none for
	// PingTicks intervals, and does not compute meanwhile, is killed with ErrUnresponsive. 0: 4.
	PingInterval time.Duration
	PingTicks    int

	// Logger receives the worker's output and its start. nil: they are discarded.
	Logger *slog.Logger
}

// DataMargin is the part of a worker's private memory that Options.MemoryLimit does not
// count, in bytes: address space that the Go runtime, thread stacks and the C library's
// allocator have reserved and do not use.
const DataMargin = 1 << 30

// withDefaults returns the options with defaults for zero values.
func (o Options) withDefaults() Options {
	o.Path = cmp.Or(o.Path, "/proc/self/exe")
	if o.Args == nil {
		o.Args = []string{"worker"}
	}
	o.Slots = cmp.Or(o.Slots, 1)
	o.MemoryInterval = cmp.Or(o.MemoryInterval, time.Second)
	o.HelloTimeout = cmp.Or(o.HelloTimeout, 10*time.Second)
	o.ReadyTimeout = cmp.Or(o.ReadyTimeout, time.Minute)
	o.PingInterval = cmp.Or(o.PingInterval, time.Second)
	o.PingTicks = cmp.Or(o.PingTicks, 4)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// dataLimit returns the limit of private memory, 0 for none.
func (o Options) dataLimit() uint64 {
	if o.MemoryLimit <= 0 {
		return 0
	}
	return uint64(o.MemoryLimit) + DataMargin
}
