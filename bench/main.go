// Command bench compares Tensorwire's gRPC with other servers, as one client sees them
// that calls them in turns: grpc-go's own server with the same messages, the same client
// and the same model work; and Python's, as they are usually written. For each it takes
// the server's CPU time per request, requests a second, latencies and peak memory, and
// marks the ratios that miss their floor.
//
// docs/performance.md explains the tables, and holds them; -update writes them there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it ends with an exit code, and early when ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var err error
	if len(args) > 0 && args[0] == serveCommand {
		err = serve(ctx, args[1:], stdout, stderr)
	} else {
		err = measure(ctx, args, stdout, stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// errUsage marks what is wrong with the arguments.
var errUsage = errors.New("wrong arguments")

// measure runs the sections, prints their tables, and puts them into the documents.
func measure(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return err
	}
	b, err := newBench(o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := o.Measure(ctx, "bench", b.sections(), stdout, stderr); err != nil {
		return err
	}
	if b.missed > 0 {
		fmt.Fprintf(stderr, "bench: %d ratios miss their floor\n", b.missed)
	}
	return nil
}
