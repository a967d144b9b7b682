package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/models/pull"
)

const modelsHelp = `Look after the models of a directory.

  tensorwire models pull   bring a model from a URL

  tensorwire models pull --help lists the settings.
`

const pullHelp = `Bring an ONNX model from a URL into the directory of the models.

  tensorwire models pull <url> --name <name> [flags]

The file's path is printed when it is there. A pull that was cut or stopped goes on
where it ended when the same command runs again. What arrives is kept in a directory
.pull-<name>-<version> until it is whole; then it appears in its place at once, so
that a running server never sees a part of it.

Without --sha256 the file's digest is printed, to pin it from then on. With it, a
version that is there already, with that digest, is not downloaded again.

`

// models runs the subcommands of `tensorwire models`.
func models(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "pull":
		return pullModel(ctx, args[1:], getenv, stdout, stderr)
	case "help", "--help", "-h":
		_, err := fmt.Fprint(stdout, modelsHelp)
		return err
	case "":
		return fmt.Errorf("%w: models takes a command: pull; see tensorwire models --help", config.ErrUsage)
	default:
		return fmt.Errorf("%w: models has no command %q, it has pull; see tensorwire models --help", config.ErrUsage, command)
	}
}

// pullModel brings a model from a URL: progress goes to stderr, the model's path to
// stdout.
func pullModel(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	options, err := parsePull(args, getenv, stdout)
	if err != nil {
		return err
	}
	bar := newProgress(stderr, terminalWidth(stderr, getenv))
	options.Progress, options.Notice = bar.update, bar.notice
	result, err := pull.Pull(ctx, options)
	bar.stop()
	if err != nil {
		return err
	}
	switch {
	case result.Present:
		fmt.Fprintln(stderr, "it is there already, with this SHA-256: nothing was downloaded")
	case options.SHA256 == "":
		fmt.Fprintf(stderr, "warning: nothing vouches for this file, for no --sha256 was given; if you trust it, pin it:\n  --sha256 %s\n", result.SHA256)
	}
	_, err = fmt.Fprintln(stdout, result.Path)
	return err
}

// parsePull reads the flags and the URL. Where args ask for help, it goes to out.
func parsePull(args []string, getenv func(string) string, out io.Writer) (pull.Options, error) {
	var o pull.Options
	flags := flag.NewFlagSet("tensorwire models pull", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what it prints would come twice
	flags.StringVar(&o.Name, "name", "", "`name` of the model, which is that of its directory")
	flags.StringVar(&o.SHA256, "sha256", "", "`digest` that the file must have, 64 hexadecimal digits (default: the file is not checked)")
	flags.Int64Var(&o.Version, "version", 1, "`number` of the version; one that exists is never replaced")
	flags.StringVar(&o.Dir, "models", cmp.Or(getenv(config.EnvPrefix+"MODELS"), "models"), "`directory` of the models, as for tensorwire serve")
	flags.Int64Var(&o.MaxBytes, "max-bytes", pull.DefaultMaxBytes, "most `bytes` of the file")
	flags.DurationVar(&o.StallTimeout, "stall-timeout", pull.DefaultStallTimeout, "`time` that the server may send nothing before the pull tries again")
	urls, err := parseMixed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, pullHelp)
		config.PrintFlags(flags, out)
		return o, config.ErrHelp
	}
	wrong := func(format string, found ...any) (pull.Options, error) {
		return o, fmt.Errorf("%w: %s; see tensorwire models pull --help", config.ErrUsage, fmt.Sprintf(format, found...))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case err != nil:
		return wrong("%v", err)
	case len(urls) == 0:
		return wrong("the URL is missing")
	case len(urls) > 1:
		return wrong("there is one URL to a pull, found %q", urls)
	case o.Name == "":
		return wrong("--name is missing: give the model's name")
	case given["sha256"] && o.SHA256 == "":
		// A variable that is not set must not switch the check off.
		return wrong("--sha256 is empty: give 64 hexadecimal digits, or leave it out")
	// For pull these are the defaults.
	case o.Version == 0, o.MaxBytes == 0, o.StallTimeout == 0:
		return wrong("--version is %d, --max-bytes %d, --stall-timeout %v: none may be 0", o.Version, o.MaxBytes, o.StallTimeout)
	}
	o.URL = urls[0]
	return o, nil
}

// parseMixed parses flags that stand before, between and after arguments, and returns
// these. All after -- are arguments.
func parseMixed(flags *flag.FlagSet, args []string) ([]string, error) {
	var arguments []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if parsed := len(args) - len(rest); len(rest) == 0 || (parsed > 0 && args[parsed-1] == "--") {
			return append(arguments, rest...), nil
		}
		arguments, args = append(arguments, rest[0]), rest[1:]
	}
	return arguments, nil
}

// terminalWidth returns what gives the width of the terminal out is, in columns; nil
// where out is none, or one that cannot draw a line anew.
func terminalWidth(out io.Writer, getenv func(string) string) func() int {
	file, ok := out.(*os.File)
	if !ok || getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
}
