package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/models/pull"
)

const pullHelp = `Download an ONNX model from a URL into the model repository and print its path.

An interrupted download resumes when the same command runs again. Until it is
complete it is kept in the directory .pull-<name>-<version>; then it is renamed
into its place, so that a running server never loads a part of a file.

Without --sha256 the digest of the file is printed, to pin it from then on. With
--sha256, a version that exists with this digest is not downloaded again.
`

func (p *program) pullCommand() *cobra.Command {
	var options pull.Options
	settings := config.New()
	var maxBytes config.Size
	cmd := &cobra.Command{
		Use:               "pull <url> --name <name> [flags]",
		Short:             "Download a model from a URL",
		Long:              pullHelp,
		ValidArgsFunction: cobra.NoFileCompletions,
		Args:              cobra.ArbitraryArgs, // checkPull checks them
		RunE: func(cmd *cobra.Command, args []string) error {
			p.name = settings.Name
			options.MaxBytes = int64(maxBytes)
			if err := checkPull(cmd.Flags(), &options, args); err != nil {
				return err
			}
			if err := settings.Read(p.getenv, setting.Models); err != nil {
				return err
			}
			options.Dir = settings.Config().Models
			return p.pull(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&options.Name, "name", "", "`name` of the model: its directory in the repository")
	flags.StringVar(&options.SHA256, "sha256", "", "expected SHA-256 `digest`, 64 hexadecimal digits; without it the file is not verified")
	flags.Int64Var(&options.Version, "version", 1, "`number` of the version; an existing version is never replaced")
	config.SizeVar(flags, &maxBytes, "max-bytes", pull.DefaultMaxBytes, "maximum `size` of the file")
	config.DurationVar(flags, &options.StallTimeout, "stall-timeout", pull.DefaultStallTimeout, "`duration` without a byte from the server before a retry")
	settings.AddTo(flags, setting.Models, config.FileKey)
	return cmd
}

// checkPull checks the flags and sets the URL from the argument.
func checkPull(flags *pflag.FlagSet, o *pull.Options, args []string) error {
	switch {
	case len(args) == 0:
		return config.Usagef("the URL is missing")
	case len(args) > 1:
		return config.Usagef("pull accepts one URL, found %q", args)
	case o.Name == "":
		return config.Usagef("--name is missing: give the model's name")
	case flags.Changed("sha256") && o.SHA256 == "":
		// An unset shell variable must not switch the check off.
		return config.Usagef("--sha256 is empty: give 64 hexadecimal digits, or leave it out")
	// For package pull these are the defaults.
	case o.Version == 0, o.MaxBytes == 0, o.StallTimeout == 0:
		return config.Usagef("--version is %d, --max-bytes %d, --stall-timeout %v: none may be 0", o.Version, o.MaxBytes, o.StallTimeout)
	}
	o.URL = args[0]
	return nil
}

// pull downloads a model: progress goes to stderr, the model's path to stdout.
func (p *program) pull(ctx context.Context, options pull.Options) error {
	bar := newProgress(p.stderr, terminalWidth(p.stderr, p.getenv))
	options.Progress, options.Notice = bar.update, bar.notice
	result, err := pull.Pull(ctx, options)
	bar.stop()
	if err != nil {
		return err
	}
	switch {
	case result.Present:
		fmt.Fprintln(p.stderr, "the version exists already, with this SHA-256: nothing was downloaded")
	case options.SHA256 == "":
		fmt.Fprintf(p.stderr, "warning: the file is not verified, since --sha256 was not given; if you trust it, pin it:\n  --sha256 %s\n", result.SHA256)
	}
	_, err = fmt.Fprintln(p.stdout, result.Path)
	return err
}

// terminalWidth returns a function that returns the width of the terminal out, in
// columns; nil where out is no terminal, or one that cannot redraw a line.
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
