package main

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// options are what the command is told.
type options struct {
	// duration is how long one measurement of a round lasts.
	duration time.Duration
	// rounds is how often each row is measured, on both sides in turns; the tables show
	// medians.
	rounds int
	// quick leaves out most rows: it shows that the bench works, not how fast anything
	// is.
	quick bool
	// server is the product's binary.
	server string
	// python is an interpreter with what python/requirements.txt lists.
	python string
	// scripts is the directory of the servers in Python.
	scripts string
	// tuning is the choice of grpc-go's options that Tensorwire is measured against.
	tuning grpcTuning
	// sizes, callers and conns are the rows of the unary sections.
	sizes, callers, conns ints
	// profiles is the directory for CPU profiles of the servers; empty for none.
	profiles string
	report.Options
}

func parse(args []string, out io.Writer) (*options, error) {
	o := &options{sizes: ints{smallBytes, imageBytes, largeBytes}, callers: ints{1, 4, mostCallers}, conns: ints{1, 4}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.DurationVar(&o.duration, "time", 2*time.Second, "how long one measurement of a round lasts")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each row is measured on both sides, in turns")
	flags.BoolVar(&o.quick, "quick", false, "measure few rows, and those for a moment: to see that it works")
	flags.StringVar(&o.server, "server", "bin/tensorwire", "`path` of Tensorwire's binary")
	flags.StringVar(&o.python, "python", "build/bench/venv/bin/python", "`path` of a Python interpreter that has bench/python/requirements.txt")
	flags.StringVar(&o.scripts, "scripts", "bench/python", "`directory` of the servers in Python")
	flags.StringVar((*string)(&o.tuning), "tuning", string(tuningRecommended), "`choice` of grpc-go's options to measure against; the baseline section has them")
	flags.Var(&o.sizes, "sizes", "`bytes` of payloads, as a list with commas")
	flags.Var(&o.callers, "callers", "`numbers` of requests in flight")
	flags.Var(&o.conns, "conns", "`numbers` of connections")
	flags.StringVar(&o.profiles, "profiles", "", "`directory` for CPU profiles of the servers without a model")
	o.Flags(flags, sectionNames())
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := o.Parsed(flags); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if o.duration <= 0 || o.rounds < 1 {
		return nil, fmt.Errorf("%w: -time and -rounds are more than zero", errUsage)
	}
	if _, err := o.tuning.options(); err != nil {
		return nil, err
	}
	if o.quick {
		o.duration, o.rounds = min(o.duration, 100*time.Millisecond), 1
		o.callers, o.conns = ints{4}, ints{1}
	}
	return o, nil
}

// ints is a flag of positive numbers with commas between them.
type ints []int

// String implements flag.Value.
func (n *ints) String() string {
	texts := make([]string, len(*n))
	for i, v := range *n {
		texts[i] = strconv.Itoa(v)
	}
	return strings.Join(texts, ",")
}

// Set implements flag.Value.
func (n *ints) Set(text string) error {
	*n = nil
	for part := range strings.SplitSeq(text, ",") {
		v, err := strconv.Atoi(part)
		if err != nil || v < 1 {
			return fmt.Errorf("%q is no number above zero", part)
		}
		*n = append(*n, v)
	}
	return nil
}
