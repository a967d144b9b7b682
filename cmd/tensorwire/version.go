package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/tensorwire/tensorwire/internal/app"
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// Set at link time, for builds without version control:
// -ldflags "-X main.tag=v0.1.0 -X main.commit=<hash> -X main.date=<RFC 3339>".
var tag, commit, date string

// build describes the binary and the runtime that it finds. Empty fields are unknown.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	// Modified reports changes that are not in the commit.
	Modified bool         `json:"modified,omitempty"`
	Date     string       `json:"date,omitempty"` // of the commit, unless set at link time
	Go       string       `json:"go"`
	Runtime  *runtimeInfo `json:"onnxruntime,omitempty"`
}

type runtimeInfo struct {
	Version string `json:"version,omitempty"`
	Library string `json:"library,omitempty"`
	Error   string `json:"error,omitempty"`
}

// readBuild returns what the linker and the Go command have recorded.
func readBuild() build {
	b := build{Version: "unknown", Commit: commit, Date: date}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Go = info.GoVersion
		if info.Main.Version != "" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && commit == "":
				b.Commit = s.Value
			case s.Key == "vcs.time" && date == "":
				b.Date = s.Value
			case s.Key == "vcs.modified" && commit == "":
				b.Modified = s.Value == "true"
			}
		}
	}
	if tag != "" {
		b.Version = tag
	}
	return b
}

func (p *program) versionCommand() *cobra.Command {
	var asJSON bool
	settings := config.New()
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Tensorwire, Go and ONNX Runtime",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return config.Usagef("version has no arguments, found %q", args[0])
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			return p.printVersion(settings, asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	settings.AddTo(cmd.Flags(), setting.OnnxRuntimeLib, config.FileKey)
	return cmd
}

// printVersion prints the versions; of ONNX Runtime that of the library that a server
// with these settings would load.
func (p *program) printVersion(settings *config.Settings, asJSON bool) error {
	p.name = settings.Name
	if err := settings.Read(p.getenv, setting.OnnxRuntimeLib); err != nil {
		return err
	}
	b := readBuild()
	b.Runtime = p.runtimeInfo(settings.Config().OnnxRuntimeLib)
	if asJSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(b)
	}
	fmt.Fprintf(p.stdout, "tensorwire %s\n", b.Version)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(p.stdout, "  %-14s %s\n", name, value)
		}
	}
	if b.Modified {
		b.Commit += ", modified"
	}
	line("commit", b.Commit)
	line("date", b.Date)
	line("Go", b.Go)
	if b.Runtime.Error != "" {
		line("ONNX Runtime", b.Runtime.Error)
		return nil
	}
	line("ONNX Runtime", fmt.Sprintf("%s (%s)", b.Runtime.Version, b.Runtime.Library))
	return nil
}

func (p *program) runtimeInfo(library string) *runtimeInfo {
	path, version, err := app.RuntimeVersion(library)
	info := &runtimeInfo{Version: version, Library: path}
	switch {
	case library == "" && errors.Is(err, onnx.ErrLibraryNotFound):
		info.Error = fmt.Sprintf("not found: give the path of its library with %s or %s", setting.Flag(setting.OnnxRuntimeLib), config.EnvName(setting.OnnxRuntimeLib))
	case err != nil:
		info.Error = setting.Text(err, p.name)
	}
	return info
}
