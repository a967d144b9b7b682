package main

import (
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tensorwire/tensorwire/internal/app"
	"github.com/tensorwire/tensorwire/internal/base/children"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

const serveHelp = `Serve the ONNX models of a directory over Connect, gRPC, gRPC-Web and REST, with a
web page, from one port.

A setting is a flag, an environment variable (--max-queue is TENSORWIRE_MAX_QUEUE)
or a key in the YAML file of --config (max-queue: 64). Flags override environment
variables, which override the file.
`

func (p *program) serveCommand() *cobra.Command {
	settings := config.New()
	cmd := &cobra.Command{
		Use:               "serve [flags]",
		Short:             "Serve the models of a directory",
		Long:              serveHelp,
		Args:              noArguments("serve"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.name = settings.Name
			resolve := func() (*config.Config, error) { return settings.Resolve(p.getenv) }
			c, err := untilStopped(cmd.Context(), resolve, func(*config.Config) {})
			if err == nil {
				err = p.serve(cmd, c)
			}
			if errors.Is(err, errStopped) {
				fmt.Fprintf(p.stderr, "tensorwire: %v\n", err)
				return nil
			}
			return err
		},
	}
	settings.AddTo(cmd.Flags())
	completeSettings(cmd, settings)
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		printUseLine(cmd)
		out := cmd.OutOrStderr()
		for _, group := range settings.Groups() {
			fmt.Fprintf(out, "\n%s:\n", group.Title)
			config.PrintFlags(out, group.Flags)
		}
		return nil
	})
	return cmd
}

// outputTimeout bounds the wait for the readers of the log and of standard output when the
// program ends.
const outputTimeout = time.Second

// serve binds the listeners, serves, and stops when the command's context is done.
func (p *program) serve(cmd *cobra.Command, c *config.Config) error {
	levels, err := telemetry.ParseLogLevels(c.LogLevel)
	if err != nil {
		return err
	}
	defer children.ReapOrphans()()
	lines := p.detach()
	log, err := telemetry.NewLogger(lines, levels, c.LogFormat)
	if err != nil {
		return err
	}
	lines.OnDropped(func(n uint64) {
		log.Warn("lines of the log were dropped because its reader did not keep up", "lines", n)
	})
	build := func() (*app.Server, error) {
		return app.New(c, app.Options{
			Version:         readBuild().Version,
			Logger:          log,
			LogLevels:       levels,
			LogLinesDropped: lines.Dropped,
			HeapEnv:         p.getenv,
			OTelEnv:         p.getenv,
		})
	}
	server, err := untilStopped(cmd.Context(), build, func(late *app.Server) { _ = late.Abandon(errStopped) })
	if err != nil {
		return err
	}
	listeners, err := server.Listen(cmd.Context(), p.getenv)
	if err != nil {
		return server.Abandon(err)
	}
	return server.Run(cmd.Context(), listeners, func() { server.Announce(p.stdout, listeners[0]) })
}

// detach puts the outputs of the program behind writers that do not block, and keeps a reader
// that exits from ending the program: a server outlives the readers of its outputs. It
// returns the writer of the log, which is standard error.
func (p *program) detach() *telemetry.LogWriter {
	signal.Ignore(syscall.SIGPIPE) // a write fails instead
	stdout, stderr := telemetry.NewLogWriter(p.stdout, 0), telemetry.NewLogWriter(p.stderr, 0)
	p.stdout, p.stderr = stdout, stderr
	p.flush = func() {
		stdout.Close(outputTimeout)
		stderr.Close(outputTimeout)
	}
	return stderr
}
