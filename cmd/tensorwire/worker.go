package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// errWorkerByHand is the error of the worker command when no server started it: main has
// run those that one started.
var errWorkerByHand = errors.New("worker processes are started by tensorwire serve, not by hand")

// workerCommand is the hidden command with which a server starts its workers. It shows
// what the process is in a list of processes.
func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "Run models for a server, which starts this command itself",
		Hidden: true,
		RunE:   func(*cobra.Command, []string) error { return errWorkerByHand },
	}
}
