package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// machineLine says on what the figures were taken.
func machineLine() string {
	return fmt.Sprintf("%s, %d cores for the client and the servers together, %s/%s, %s, grpc-go %s",
		process.CPUModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), moduleVersion("google.golang.org/grpc"))
}

// moduleVersion returns the version of a module in this program.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}
