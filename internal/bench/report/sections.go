package report

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Section is one part of what a bench measures.
type Section struct {
	// Name is the one that the documents' markers carry.
	Name, Title string
	// Run measures it.
	Run func(context.Context) (*Report, error)
}

// Options say which sections are measured, and where their tables go.
type Options struct {
	// Only lists the names of the sections to measure.
	Only []string
	// Markdown prints the tables as GitHub's markdown.
	Markdown bool
	// Update lists the documents whose tables are replaced.
	Update []string

	only   string
	update bool
	names  []string
}

// Flags declares the options for sections of these names. Parsed goes after the
// flags have been parsed.
func (o *Options) Flags(flags *flag.FlagSet, names []string) {
	o.names = names
	flags.BoolVar(&o.Markdown, "markdown", false, "print the tables as GitHub's markdown")
	flags.BoolVar(&o.update, "update", false, "replace the tables in the documents that are named after the flags")
	flags.StringVar(&o.only, "only", strings.Join(names, ","), "`sections` to measure")
}

// Parsed takes over what flags have, and says what does not fit.
func (o *Options) Parsed(flags *flag.FlagSet) error {
	o.Only = strings.Split(o.only, ",")
	for _, name := range o.Only {
		if !slices.Contains(o.names, name) {
			return fmt.Errorf("-only: no section %q; there are %s", name, strings.Join(o.names, ", "))
		}
	}
	if o.update != (flags.NArg() > 0) {
		return errors.New("-update goes with the documents to update, after all flags: -update docs/performance.md")
	}
	o.Update = flags.Args()
	return nil
}

// Check says which of the documents cannot be updated: before anything is measured,
// not minutes later.
func (o *Options) Check() error {
	for _, path := range o.Update {
		if err := checkDocument(path, o.names); err != nil {
			return err
		}
	}
	return nil
}

// Measure runs the sections that o asks for, prints their tables to stdout, says on
// stderr as program which it is at, and updates the documents when all have run.
func (o *Options) Measure(ctx context.Context, program string, sections []Section, stdout, stderr io.Writer) error {
	reports := map[string]*Report{}
	for _, s := range sections {
		if !slices.Contains(o.Only, s.Name) {
			continue
		}
		fmt.Fprintf(stderr, "%s: measuring %s\n", program, s.Name)
		r, err := s.Run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		reports[s.Name] = r
		text := r.Text()
		if o.Markdown {
			text = r.Markdown()
		}
		fmt.Fprintf(stdout, "## %s\n\n%s\n", s.Title, text)
	}
	for _, path := range o.Update {
		if err := updateDocument(path, reports); err != nil {
			return err
		}
	}
	return nil
}
