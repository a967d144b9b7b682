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

const help = `Tensorwire serves ONNX models over Connect, gRPC and gRPC-Web from one port.

  tensorwire serve         answer for the models of a directory
  tensorwire models pull   bring a model from a URL into that directory
  tensorwire version       print the version

  tensorwire serve --help and tensorwire models pull --help list the settings.
`

// run is the program: it ends with an exit code, and early when ctx is done.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	var err error
	switch command {
	case "serve":
		err = serve(ctx, args[1:], getenv, stdout, stderr)
	case "models":
		err = models(ctx, args[1:], getenv, stdout, stderr)
	case "version", "--version":
		_, err = fmt.Fprintln(stdout, version())
	case "help", "--help", "-h":
		_, err = fmt.Fprint(stdout, help)
	case "":
		fmt.Fprint(stderr, help)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "tensorwire: no command %q\n\n%s", command, help)
		return exitUsage
	}
	switch {
	case err == nil, errors.Is(err, config.ErrHelp):
		return exitOK
	case errors.Is(err, config.ErrUsage), errors.Is(err, pull.ErrOptions):
		fmt.Fprintf(stderr, "tensorwire: %s\n", setting.Text(err, setting.Flag))
		return exitUsage
	default:
		fmt.Fprintf(stderr, "tensorwire: %s\n", setting.Text(err, setting.Flag))
		return exitError
	}
}
