// Command tensorwire serves ONNX models over Connect, gRPC, gRPC-Web and REST from one
// port.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tensorwire/tensorwire"
)

func main() {
	tensorwire.RunWorker()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
