package main

import (
	"runtime/debug"
	"strings"
)

// version returns the module's version, with the commit where the build has it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "tensorwire (unknown version)"
	}
	parts := []string{"tensorwire", info.Main.Version}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			parts = append(parts, setting.Value)
		}
	}
	return strings.Join(append(parts, info.GoVersion), " ")
}

// moduleVersion returns the module's version alone.
func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
