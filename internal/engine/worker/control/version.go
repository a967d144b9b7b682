package control

import "runtime/debug"

const modulePath = "github.com/tensorwire/tensorwire"

// Version returns the version of this module in the program, such as "v0.2.0", as the Go
// command recorded it: "(devel)" or empty for a build without version control.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == modulePath {
		return info.Main.Version
	}
	for _, dependency := range info.Deps {
		if dependency.Path == modulePath {
			return dependency.Version
		}
	}
	return ""
}
