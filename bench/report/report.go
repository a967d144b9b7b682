// Package report writes what the benchmarks measure: figures and their ratios, tables of
// them, and the documents that contain the tables.
package report

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// Report is the result of a section: paragraphs and tables.
type Report []Block

// Block is a paragraph or a table.
type Block interface {
	// Format returns the block as GitHub's Markdown, or as text for a terminal.
	Format(markdown bool) string
}

// Format returns the report as GitHub's Markdown, or as text for a terminal.
func (r Report) Format(markdown bool) string {
	blocks := make([]string, len(r))
	for i, b := range r {
		blocks[i] = b.Format(markdown)
	}
	return strings.Join(blocks, "\n\n") + "\n"
}

// Paragraph is text that is the same in both formats.
type Paragraph string

// Paragraphf formats a paragraph.
func Paragraphf(format string, args ...any) Paragraph {
	return Paragraph(fmt.Sprintf(format, args...))
}

// Format implements Block.
func (p Paragraph) Format(bool) string { return string(p) }

// Table is a table. Its first columns are labels; the others are figures, aligned to the
// right.
type Table struct {
	labels int
	header []string
	rows   [][]string
}

// NewTable returns a table without rows and with this number of label columns.
func NewTable(labels int, header ...string) *Table {
	return &Table{labels: labels, header: header}
}

// Row adds a row with one cell per column.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Format implements Block.
func (t *Table) Format(markdown bool) string {
	if !markdown {
		return t.text()
	}
	rule := make([]string, len(t.header))
	for i := range rule {
		rule[i] = "---"
		if i >= t.labels {
			rule[i] = "---:"
		}
	}
	var lines []string
	for _, row := range append([][]string{t.header, rule}, t.rows...) {
		lines = append(lines, "| "+strings.Join(row, " | ")+" |")
	}
	return strings.Join(lines, "\n")
}

func (t *Table) text() string {
	all := append([][]string{t.header}, t.rows...)
	widths := make([]int, len(t.header))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var lines []string
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.labels {
				b.WriteString(cell + padding + "  ")
			} else {
				b.WriteString(padding + cell + "  ")
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return strings.Join(lines, "\n")
}

// markers returns the lines around a section's place in a document.
func markers(section string) (begin, end string) {
	return "<!-- bench:begin " + section + " -->", "<!-- bench:end " + section + " -->"
}

// CheckDocument returns an error when the document at path has no place for any of the
// sections, or a place without an end.
func CheckDocument(path string, sections []string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	places := 0
	for _, name := range sections {
		begin, end := markers(name)
		if _, rest, found := strings.Cut(string(document), begin); found {
			if places++; !strings.Contains(rest, end) {
				return fmt.Errorf("%s: section %s has no end: add the line %s", path, name, end)
			}
		}
	}
	if places == 0 {
		begin, end := markers(sections[0])
		return fmt.Errorf("%s has no place for a table: add the lines %s and %s", path, begin, end)
	}
	return nil
}

// UpdateDocument replaces the text of the sections that the document at path has places
// for.
func UpdateDocument(path string, reports map[string]Report) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for name, r := range reports {
		begin, end := markers(name)
		before, rest, found := strings.Cut(string(document), begin)
		if _, after, closed := strings.Cut(rest, end); found && closed {
			document = []byte(before + begin + "\n\n" + r.Format(true) + "\n" + end + after)
		}
	}
	return os.WriteFile(path, document, 0o644)
}
