package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// report is what a section prints: paragraphs and tables in their order.
type report struct{ blocks []block }

// block is a paragraph or a table.
type block interface {
	text() string
	markdown() string
}

func (r *report) add(blocks ...block) { r.blocks = append(r.blocks, blocks...) }

func (r *report) text() string     { return r.join(block.text) }
func (r *report) markdown() string { return r.join(block.markdown) }

func (r *report) join(render func(block) string) string {
	rendered := make([]string, len(r.blocks))
	for i, b := range r.blocks {
		rendered[i] = render(b)
	}
	return strings.Join(rendered, "\n\n") + "\n"
}

// paragraph is text that means the same as markdown.
type paragraph string

func (p paragraph) text() string     { return string(p) }
func (p paragraph) markdown() string { return string(p) }

// table is a table whose first labels columns are text; the others are figures,
// aligned to the right.
type table struct {
	labels int
	header []string
	rows   [][]string
}

func newTable(labels int, header ...string) *table {
	return &table{labels: labels, header: header}
}

// row adds a row, which has as many cells as the header.
func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) markdown() string {
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

// text renders the table for a terminal.
func (t *table) text() string {
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
