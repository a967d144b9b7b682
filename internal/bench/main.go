// Command bench measures what Tensorwire costs: the encodings of a request, tensors
// as JSON numbers, round trips over every protocol against a running server, the
// model's share of them, and the memory that is left of a model that is unloaded.
// Each figure stands beside its baseline, which is measured in the same run.
//
// docs/performance.md explains the tables, and holds them; -update writes them
// there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it ends with an exit code, and early when ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == floorCommand {
		return exitCode(serveFloor(ctx, stdout), stderr)
	}
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	return exitCode(measure(ctx, o, stdout, stderr), stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// options are what the command is told.
type options struct {
	// duration is how long one measurement of a round lasts.
	duration time.Duration
	// rounds is how often everything is measured; the tables show medians.
	rounds   int
	server   string
	digits   string
	only     []string
	markdown bool
	// update lists the documents whose tables are replaced.
	update []string
}

func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.DurationVar(&o.duration, "time", 2*time.Second, "how long one measurement of a round lasts")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured, in turns")
	flags.StringVar(&o.server, "server", "bin/tensorwire", "`path` of the server's binary")
	flags.StringVar(&o.digits, "digits", "models/digits", "`directory` of the digits model")
	flags.BoolVar(&o.markdown, "markdown", false, "print the tables as GitHub's markdown")
	update := flags.Bool("update", false, "replace the tables in the documents that are named after the flags")
	only := flags.String("only", strings.Join(sectionNames(), ","), "`sections` to measure")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.only = strings.Split(*only, ",")
	for _, name := range o.only {
		if !slices.Contains(sectionNames(), name) {
			return nil, fmt.Errorf("-only: no section %q; there are %s", name, strings.Join(sectionNames(), ", "))
		}
	}
	if o.duration <= 0 || o.rounds < 1 {
		return nil, errors.New("-time and -rounds are more than zero")
	}
	if *update != (flags.NArg() > 0) {
		return nil, errors.New("-update goes with the documents to update, after all flags: -update docs/performance.md")
	}
	o.update = flags.Args()
	return o, nil
}

// section is one part of the report.
type section struct {
	// name is the one that the documents' markers carry.
	name, title string
	run         func(context.Context, *bench) (*report, error)
}

func sections() []section {
	return []section{
		{"encodings", "Encodings", encodings},
		{"json", "JSON numbers", jsonNumbers},
		{"roundtrips", "Round trips", roundTrips},
		{"share", "The model's share", share},
		{"reload", "Memory", reload},
		{"machine", "Machine", machine},
	}
}

func sectionNames() []string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// bench is what the sections share.
type bench struct {
	*options
	image  *picture
	engine *localEngine
	// tensorwire is the server that is measured, floor the one it is compared with.
	tensorwire, floor *process
}

// measure runs the sections, prints their tables, and puts them into the
// documents.
func measure(ctx context.Context, o *options, stdout, stderr io.Writer) (err error) {
	// A document without markers is told now, not after minutes of measuring.
	for _, path := range o.update {
		if _, err := readDocument(path); err != nil {
			return err
		}
	}
	b := &bench{options: o, image: newPicture()}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.start(ctx, stderr); err != nil {
		return err
	}
	reports := map[string]*report{}
	for _, s := range sections() {
		if !slices.Contains(o.only, s.name) {
			continue
		}
		fmt.Fprintf(stderr, "bench: measuring %s\n", s.name)
		r, err := s.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		reports[s.name] = r
		text := r.text()
		if o.markdown {
			text = r.markdown()
		}
		fmt.Fprintf(stdout, "## %s\n\n%s\n", s.title, text)
	}
	for _, path := range o.update {
		if err := updateDocument(path, reports); err != nil {
			return err
		}
	}
	return nil
}

// start loads ONNX Runtime, writes the models, and starts the processes.
func (b *bench) start(ctx context.Context, stderr io.Writer) error {
	var err error
	if b.engine, err = openEngine(b.digits); err != nil {
		return err
	}
	b.tensorwire, err = startProcess(ctx, stderr, b.server, "serve", "--listen", "127.0.0.1:0", "--models", b.engine.models,
		"--log-level", "warn", "--onnxruntime-lib", b.engine.library)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.floor, err = startProcess(ctx, stderr, self, floorCommand)
	return err
}

func (b *bench) close() error {
	return errors.Join(b.tensorwire.stop(), b.floor.stop(), b.engine.close())
}
