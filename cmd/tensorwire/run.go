package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/models/pull"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// program is one run of the command: its surroundings.
type program struct {
	getenv         func(string) string
	stdout, stderr io.Writer
	// flush writes what is left in stdout and stderr, where they are buffered.
	flush func()
	// name renders settings in errors: as flags, unless the subcommand knows where their
	// values come from.
	name func(setting.Key) string
}

// run runs the command line of args and returns the exit code. It stops early when ctx
// is done.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{getenv: getenv, stdout: stdout, stderr: stderr, flush: func() {}, name: setting.Flag}
	defer func() { p.flush() }()
	root := p.rootCommand() //nolint:contextcheck // connections and loads have contexts of their own, which end when Run stops the server
	root.SetIn(stdin)
	root.SetArgs(doubleDashes(root, args))
	command, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, config.ErrUsage), errors.Is(err, pull.ErrOptions):
		if command.Name() == "help" {
			command = root // its help lists the topics
		}
		fmt.Fprintf(p.stderr, "tensorwire: %s\nsee %s --help\n", setting.Text(err, p.name), command.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(p.stderr, "tensorwire: %s\n", setting.Text(err, p.name))
		return exitError
	}
}
