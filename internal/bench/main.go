// Command bench measures what Tensorwire costs: the encodings of a request, tensors
// as JSON numbers, round trips over every protocol against a running server, the
// model's share of them, the memory that is left of a model that is unloaded, what
// batching gains, an inference costs and the division of the machine makes of a model,
// and what becomes of requests when there are too many.
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
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it ends with an exit code, and early when ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case floorCommand:
			return exitCode(serveFloor(ctx, stdout), stderr)
		case aloneCommand:
			return exitCode(serveAlone(ctx, args[1:], stdout), stderr)
		}
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
	rounds int
	// overload is how long each row of the overload lasts.
	overload time.Duration
	server   string
	digits   string
	report.Options
}

func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.DurationVar(&o.duration, "time", 2*time.Second, "how long one measurement of a round lasts")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured, in turns")
	flags.DurationVar(&o.overload, "overload", 20*time.Second, "how long each row of the overload lasts")
	flags.StringVar(&o.server, "server", "bin/tensorwire", "`path` of the server's binary")
	flags.StringVar(&o.digits, "digits", "models/digits", "`directory` of the digits model")
	o.Flags(flags, sectionNames())
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if err := o.Parsed(flags); err != nil {
		return nil, err
	}
	if o.duration <= 0 || o.rounds < 1 || o.overload <= 0 {
		return nil, errors.New("-time, -rounds and -overload are more than zero")
	}
	return o, nil
}

// section is one part of the report.
type section struct {
	name, title string // see report.Section
	run         func(context.Context, *bench) (*report.Report, error)
}

func sections() []section {
	return []section{
		{"encodings", "Encodings", encodings},
		{"json", "JSON numbers", jsonNumbers},
		{"roundtrips", "Round trips", roundTrips},
		{"share", "The model's share", share},
		{"reload", "Memory", reload},
		{"batching", "Batching", batching},
		{"efficiency", "Efficiency", efficiency},
		{"instances", "Instances", instances},
		{"overload", "Overload", overload},
		{"cancelled", "Callers that leave", cancelled},
		{"latest", "Live video", latest},
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
	stderr io.Writer
	image  *picture
	engine *localEngine
	// tensorwire is the server that is measured, floor the one it is compared with.
	tensorwire, floor *process.Process
}

// measure runs the sections, prints their tables, and puts them into the
// documents.
func measure(ctx context.Context, o *options, stdout, stderr io.Writer) (err error) {
	if err := o.Check(); err != nil {
		return err
	}
	b := &bench{options: o, stderr: stderr, image: newPicture()}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.start(ctx); err != nil {
		return err
	}
	var all []report.Section
	for _, part := range sections() {
		all = append(all, report.Section{Name: part.name, Title: part.title, Run: func(ctx context.Context) (*report.Report, error) { return part.run(ctx, b) }})
	}
	return o.Measure(ctx, "bench", all, stdout, stderr)
}

// start loads ONNX Runtime, writes the models, and starts the processes.
func (b *bench) start(ctx context.Context) error {
	var err error
	if b.engine, err = openEngine(b.digits); err != nil {
		return err
	}
	if b.tensorwire, err = b.serve(ctx, b.engine.models); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.floor, err = process.Start(ctx, b.stderr, self, floorCommand)
	return err
}

func (b *bench) close() error {
	return errors.Join(b.tensorwire.Stop(), b.floor.Stop(), b.engine.close())
}
