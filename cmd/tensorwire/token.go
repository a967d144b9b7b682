package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/transport/auth/tokenfile"
)

func (p *program) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "token",
		Short:             "Manage the tokens of clients",
		Args:              cobra.ArbitraryArgs, // noCommand checks them
		RunE:              noCommand,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.AddCommand(p.newTokenCommand(), p.listTokensCommand(), &cobra.Command{
		Use:    "help",
		Short:  "Print the help of token",
		Hidden: true, // cobra has it at the root: tensorwire help token
		Args:   cobra.ArbitraryArgs,
		RunE:   func(*cobra.Command, []string) error { return cmd.Help() },
	})
	return cmd
}

const newTokenHelp = `Create a token for a client and print it. It is printed once: the file of
--auth-tokens has its digest only.

With --file the token's entry is added to that file, else it is printed too.
`

func (p *program) newTokenCommand() *cobra.Command {
	var entry tokenfile.Entry
	var file string
	var valid time.Duration
	cmd := &cobra.Command{
		Use:               "new --name <name> [flags]",
		Short:             "Create a token",
		Long:              newTokenHelp,
		Args:              noArguments("token new"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if valid < 0 {
				return config.Usagef("--expires is %v: give a duration such as 720h", valid)
			}
			if valid > 0 {
				entry.Expires = time.Now().Add(valid).UTC().Truncate(time.Second)
			}
			return p.newToken(&entry, file)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&entry.Name, "name", "", "`name` of the client, in the log and in errors; unique in the file")
	flags.StringSliceVar(&entry.Models, "models", []string{"*"}, "`models` that it may use: names, or patterns such as team-a-*; separate by commas or repeat")
	flags.StringSliceVar(&entry.Actions, "actions", []string{"infer", "read"}, "`actions` that it may request: infer, read, admin; separate by commas or repeat")
	config.DurationVar(flags, &valid, "expires", 0, "`duration` for which the token is valid; 0 is without end")
	flags.StringVar(&file, "file", "", "YAML `file` to add the entry to; it is created where it does not exist")
	return cmd
}

// newToken creates a token for an entry, and prints it.
func (p *program) newToken(entry *tokenfile.Entry, file string) error {
	token := tokenfile.New()
	entry.SHA256 = tokenfile.DigestOf(token).String()
	lines, err := entry.Lines()
	if err != nil {
		return config.Usagef("%w", err)
	}
	if file == "" {
		fmt.Fprintf(p.stdout, "%s\n\nAdd this to the list tokens of the file of --auth-tokens:\n\n%s", token, lines)
		return nil
	}
	if err := tokenfile.Add(file, entry); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	fmt.Fprintln(p.stdout, token)
	return nil
}

func (p *program) listTokensCommand() *cobra.Command {
	settings := config.New()
	cmd := &cobra.Command{
		Use:               "list [flags]",
		Short:             "List the tokens of a file",
		Args:              noArguments("token list"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			p.name = settings.Name
			if err := settings.Read(p.getenv, setting.AuthTokens); err != nil {
				return err
			}
			name := settings.Config().AuthTokens
			if name == "" {
				return config.Usagef("%w", setting.Errorf("%s is not set: name the file", setting.AuthTokens))
			}
			return p.listTokens(name)
		},
	}
	settings.AddTo(cmd.Flags(), setting.AuthTokens, config.FileKey)
	return cmd
}

func (p *program) listTokens(name string) error {
	entries, err := tokenfile.Read(name)
	if err != nil {
		return setting.Errorf("%s %q: %w", setting.AuthTokens, name, err)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tACTIONS\tMODELS\tEXPIRES")
	for i := range entries {
		e := &entries[i]
		expires := "never"
		if !e.Expires.IsZero() {
			expires = e.Expires.UTC().Format(time.RFC3339)
			if !time.Now().Before(e.Expires) {
				expires += " (expired)"
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", e.Name, strings.Join(e.Actions, ","), strings.Join(e.Models, ","), expires)
	}
	return table.Flush()
}

// noArguments returns the check of a command without arguments.
func noArguments(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return config.Usagef("%s has no arguments, found %q", command, args[0])
		}
		return nil
	}
}
