package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tensorwire/tensorwire/internal/config"
)

// rootCommand returns the command with its subcommands.
func (p *program) rootCommand() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:           "tensorwire",
		Short:         "Serve ONNX models over Connect, gRPC, gRPC-Web and REST from one port",
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // RunE checks them
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return p.printVersion(config.New(), false)
			}
			return noCommand(cmd, args)
		},
	}
	root.SetOut(p.stdout) // before the completion commands, which keep it
	root.SetErr(p.stderr)
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return config.FlagError(cmd.Flags(), err) })
	root.SetUsageFunc(printUsage)
	root.SetHelpCommand(helpCommand())
	root.AddCommand(p.serveCommand(), p.modelsCommand(), p.tokenCommand(), p.versionCommand(), workerCommand())
	root.InitDefaultCompletionCmd("completion")
	completion := subcommand(root, "completion")
	completion.Args, completion.RunE = cobra.ArbitraryArgs, noCommand
	return root
}

// helpCommand is cobra's, but an unknown command is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Print the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic := cmd.Root()
			for i, name := range args {
				next := subcommand(topic, name)
				if next == nil {
					return noCommand(topic, args[i:])
				}
				topic = next
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// printUsage prints the subcommands and flags of a command.
func printUsage(cmd *cobra.Command) error {
	out := cmd.OutOrStderr()
	printUseLine(cmd)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprint(out, "\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() || c.Name() == "help" {
				fmt.Fprintf(out, "  %-*s  %s\n", len(cmd.CommandPath())+cmd.NamePadding()+1, c.CommandPath(), c.Short)
			}
		}
	}
	fmt.Fprint(out, "\nFlags:\n")
	config.PrintFlags(out, cmd.Flags())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n%s <command> --help prints the flags of a command.\n", cmd.CommandPath())
	}
	return nil
}

func printUseLine(cmd *cobra.Command) {
	use := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		use = cmd.CommandPath() + " <command> [flags]"
	}
	fmt.Fprintf(cmd.OutOrStderr(), "Usage:\n  %s\n", use)
}

// noCommand is the error of a command without, or with an unknown, subcommand.
func noCommand(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if len(args) == 0 {
		fmt.Fprint(cmd.ErrOrStderr(), cmd.UsageString(), "\n")
		return config.Usagef("the command is missing: give one of %s", strings.Join(names, ", "))
	}
	if near := config.Nearest(args[0], names); near != "" {
		return config.Usagef("no command %q: did you mean %s %s?", args[0], cmd.CommandPath(), near)
	}
	return config.Usagef("no command %q: %s has %s", args[0], cmd.CommandPath(), strings.Join(names, ", "))
}

// doubleDashes returns args with flags of one dash, such as -listen, as flags of two.
func doubleDashes(root *cobra.Command, args []string) []string {
	cmd, depth := root, 0
	for depth < len(args) {
		next := subcommand(cmd, args[depth])
		if next == nil {
			break
		}
		cmd = next
		depth++
	}
	return append(append([]string{}, args[:depth]...), config.DoubleDashes(cmd.Flags(), args[depth:])...)
}

func subcommand(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// completeSettings declares the values of flags that shells complete.
func completeSettings(cmd *cobra.Command, settings *config.Settings) {
	for _, group := range settings.Groups() {
		config.VisitChoices(group.Flags, func(name string, choices []string) {
			// The flag exists and has no other completion.
			_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
		})
	}
}
