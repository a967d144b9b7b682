package main

import "github.com/spf13/cobra"

func (p *program) modelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "models",
		Short:             "Manage the models of a directory",
		Args:              cobra.ArbitraryArgs, // noCommand checks them
		RunE:              noCommand,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.AddCommand(p.pullCommand(), &cobra.Command{
		Use:    "help",
		Short:  "Print the help of models",
		Hidden: true, // cobra has it at the root: tensorwire help models
		Args:   cobra.ArbitraryArgs,
		RunE:   func(*cobra.Command, []string) error { return cmd.Help() },
	})
	return cmd
}
