// Command bench measures Tensorwire, and compares it with other servers. Each figure has
// a baseline that is measured in the same run. The sections of the group "product" measure
// encodings, JSON, protocols, the model's share, memory, batching, efficiency, instances
// and overload; those of the group "transport" compare gRPC with grpc-go, with net/http's
// HTTP/2 and with servers in Python, and a build of Tensorwire with another one.
//
// docs/performance.md explains and contains the tables; -update writes them there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/tensorwire/tensorwire/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errUsage marks errors in the arguments.
var errUsage = errors.New("wrong arguments")

// run is the program. It returns the exit code, early when ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	do := measure
	if len(args) > 0 && args[0] == serveCommand {
		do, args = serve, args[1:]
	} else if len(args) > 0 && args[0] == engineCommand {
		do, args = engineAlone, args[1:]
	}
	err := do(ctx, args, stdout, stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "bench: %v\n", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

type options struct {
	duration, overload time.Duration
	rounds             int
	quick, markdown    bool
	// server is Tensorwire's binary, before that of another build, library ONNX Runtime's,
	// and python an interpreter.
	server, before, library, python string
	sections                        []section
	update                          []string
}

func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	var only string
	var update bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&only, "only", product+","+transport, "`sections` or groups to measure, separated by commas")
	flags.IntVar(&o.rounds, "rounds", 3, "number of rounds; the tables show medians")
	flags.DurationVar(&o.duration, "time", 2*time.Second, "length of one measurement in a round")
	flags.DurationVar(&o.overload, "overload", 20*time.Second, "length of each row of section overload")
	flags.BoolVar(&o.quick, "quick", false, "measure few rows for a short time, to see that everything works")
	flags.BoolVar(&o.markdown, "markdown", false, "print the tables as GitHub's Markdown")
	flags.BoolVar(&update, "update", false, "replace the tables in the documents named after the flags")
	flags.StringVar(&o.server, "server", inRepository("bin/tensorwire"), "`path` of Tensorwire's binary")
	flags.StringVar(&o.before, "before", "", "`path` of another build of Tensorwire, to compare -server with it in section "+beforeAfter)
	flags.StringVar(&o.library, "onnxruntime-lib", os.Getenv("TENSORWIRE_ONNXRUNTIME_LIB"), "`path` of ONNX Runtime's library (default: next to -server)")
	flags.StringVar(&o.python, "python", inRepository("build/bench/venv/bin/python"), "`path` of a Python interpreter with the packages of bench/python/requirements.txt")
	if err := flags.Parse(args); err != nil {
		return nil, errors.Join(errUsage, err)
	}
	o.update = flags.Args()
	if update != (len(o.update) > 0) {
		return nil, fmt.Errorf("%w: -update needs documents after all flags, for example: -update docs/performance.md", errUsage)
	}
	if o.duration <= 0 || o.rounds < 1 || o.overload <= 0 {
		return nil, fmt.Errorf("%w: -time, -rounds and -overload must be above zero", errUsage)
	}
	if o.quick {
		o.duration, o.rounds, o.overload = min(o.duration, 100*time.Millisecond), 1, min(o.overload, time.Second)
	}
	var err error
	o.sections, err = selectSections(only, o.before != "")
	return o, err
}

// inRepository returns the path of a file of the repository. The program runs in its root
// directory or in bench.
func inRepository(path string) string {
	if _, err := os.Stat("bench/go.mod"); err == nil {
		return path
	}
	return filepath.Join("..", path)
}

// measure runs the selected sections, prints their tables, and updates the documents when
// all have run.
func measure(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	for _, path := range o.update { // before minutes of measuring
		if err := report.CheckDocument(path, sectionNames()); err != nil {
			return err
		}
	}
	b, err := newBench(o, stderr)
	if err != nil {
		return err
	}
	reports := map[string]report.Report{}
	for _, s := range o.sections {
		fmt.Fprintf(stderr, "bench: measuring %s\n", s.name)
		r, err := s.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		reports[s.name] = r
		fmt.Fprintf(stdout, "## %s\n\n%s\n", s.title, r.Format(o.markdown))
	}
	for _, path := range o.update {
		if err := report.UpdateDocument(path, reports); err != nil {
			return err
		}
	}
	if b.missed > 0 {
		fmt.Fprintf(stderr, "bench: %d ratios miss their target\n", b.missed)
	}
	return nil
}
