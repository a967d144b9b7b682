package main

import "runtime/debug"

// version returns the module's version, with the commit where the build has it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "tensorwire (unknown version)"
	}
	text := "tensorwire " + info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			text += " " + setting.Value
		}
	}
	return text + " " + info.GoVersion
}
