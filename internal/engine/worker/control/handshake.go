package control

import (
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
	"github.com/tensorwire/tensorwire/internal/engine/worker/sandbox"
)

// Protocol is the number of this package's protocol. It changes with every change of a
// message, so that builds without a version do not talk past each other.
const Protocol = 2

// The handshake: the worker writes Hello, the server Setup, the worker Ready.

// Hello is the first message of a worker.
type Hello struct {
	Protocol int
	Version  string // of Version
}

// Setup configures a worker.
type Setup struct {
	// Library is the path of the engine's shared library.
	Library string
	// IntraOpThreads and InterOpThreads are the defaults of models that set none; 0 is
	// the engine's default.
	IntraOpThreads, InterOpThreads int
	// ReadPaths are the files and directories that the worker may read once the library is
	// loaded: absolute, without symbolic links.
	ReadPaths []string
	// DataLimit bounds private writable memory in bytes (RLIMIT_DATA). 0: no limit.
	DataLimit uint64
	// ChannelFiles is the number of descriptors of package channel, from FirstChannelFile.
	ChannelFiles int
}

// Ready is the worker's answer to Setup.
type Ready struct {
	// Code and Text are of package errcode: why the worker cannot serve.
	Code errcode.Code
	Text string
	// Runtime is the version of the engine's runtime.
	Runtime string
	Sandbox sandbox.Report
}

// The worker's inherited descriptors. Standard input is /dev/null; standard output and
// error are a pipe to the server.
const (
	// SocketFile is the control socket.
	SocketFile = 3
	// AliveFile is a pipe that the server never writes to. Its end means that the server
	// is gone.
	AliveFile = 4
	// FirstChannelFile is the first of Setup.ChannelFiles descriptors.
	FirstChannelFile = 5
)

// Variable is the environment variable that marks the start of a worker.
const Variable = "TENSORWIRE_WORKER"
