package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Report is what a section prints: paragraphs and tables in their order.
type Report struct{ blocks []Block }

// Block is a part of a report, such as a paragraph or a table.
type Block interface {
	// Text is for a terminal.
	Text() string
	// Markdown is GitHub's.
	Markdown() string
}

// Add adds parts at the end.
func (r *Report) Add(blocks ...Block) { r.blocks = append(r.blocks, blocks...) }

// Text renders the report for a terminal.
func (r *Report) Text() string { return r.join(Block.Text) }

// Markdown renders the report as GitHub's markdown.
func (r *Report) Markdown() string { return r.join(Block.Markdown) }

func (r *Report) join(render func(Block) string) string {
	rendered := make([]string, len(r.blocks))
	for i, b := range r.blocks {
		rendered[i] = render(b)
	}
	return strings.Join(rendered, "\n\n") + "\n"
}

// Paragraph is text that means the same as markdown.
type Paragraph string

// Text implements Block.
func (p Paragraph) Text() string { return string(p) }

// Markdown implements Block.
func (p Paragraph) Markdown() string { return string(p) }

// Code is a command line.
type Code string

// Text implements Block.
func (c Code) Text() string { return string(c) }

// Markdown implements Block.
func (c Code) Markdown() string { return "```sh\n" + string(c) + "\n```" }

// Table is a table whose first labels columns are text; the others are figures,
// aligned to the right.
type Table struct {
	labels int
	header []string
	rows   [][]string
}

// NewTable returns a table without rows.
func NewTable(labels int, header ...string) *Table {
	return &Table{labels: labels, header: header}
}

// Row adds a row, which has as many cells as the header.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Markdown implements Block.
func (t *Table) Markdown() string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.header)
	rule := make([]string, len(t.header))
	for i := range rule {
		rule[i] = "---"
		if i >= t.labels {
			rule[i] = "---:"
		}
	}
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Text renders the table for a terminal.
func (t *Table) Text() string {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var lines []string
	line := func(cells []string) {
		var b strings.Builder
		for i, cell := range cells {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.labels {
				b.WriteString(cell + padding + "  ")
			} else {
				b.WriteString(padding + cell + "  ")
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	line(t.header)
	for _, row := range t.rows {
		line(row)
	}
	return strings.Join(lines, "\n")
}
