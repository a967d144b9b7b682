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
	cmd.AddCommand(p.pullCommand())
	return cmd
}
