package ort

import (
	"errors"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// MinVersion is the oldest version of ONNX Runtime that has every function in api.h.
const MinVersion = "1.15"

// MaxRank is the maximum rank of a tensor. It is numpy's too.
const MaxRank = 64

var (
	// ErrRank reports a tensor with more dimensions than MaxRank.
	ErrRank = errors.New("too many dimensions")
	// ErrNoMemory reports a failed allocation outside the runtime.
	ErrNoMemory = errors.New("out of memory")
	// ErrMaps reports a map with another number of keys than the session declares.
	ErrMaps = errors.New("a map has another number of keys than the model declares")
	// ErrStrings reports BYTES data that does not match the input's shape.
	ErrStrings = errors.New("malformed BYTES")
)

// Error is a failure that the runtime reports. The message is the runtime's: it may
// contain paths of the server's models and of the runtime's source.
type Error struct {
	Message string
	// InvalidArgument reports a failure that a run's input causes, such as an index past
	// a table's end, and not the model or the runtime.
	InvalidArgument bool
}

func (e *Error) Error() string { return e.Message }

// Level is the optimization level of a graph.
type Level int

// The levels of the C API (GraphOptimizationLevel).
const (
	LevelNone     Level = 0
	LevelBasic    Level = 1
	LevelExtended Level = 2
	LevelAll      Level = 99
)

// Options are the settings of a session.
type Options struct {
	// IntraOpThreads is the number of threads within an operator, and InterOpThreads the
	// number of operators that run at once when Parallel is set. 0 is one for each core.
	IntraOpThreads, InterOpThreads int
	Parallel                       bool
	Level                          Level
	// NoArena allocates the memory of runs from the C library instead of the session's
	// arena, which keeps it. NoMemPattern allocates each tensor of a run on its own,
	// instead of all that the last run with these shapes needed at once.
	NoArena, NoMemPattern bool
	// ShrinkArena frees the arena's unused memory after every run.
	ShrinkArena bool
	// Config has the runtime's own settings as alternating names and values
	// (onnxruntime_session_options_config_keys.h in its source).
	Config []string
}

// NewBuffer returns size bytes that are aligned for every datatype.
func NewBuffer(size int64) []byte {
	return tensor.AsBytes(make([]uint64, (size+7)/8))[:size]
}
