package report

import "testing"

func twoRows() *Table {
	t := NewTable(1, "request", "time")
	t.Row("bytes", "7 µs")
	t.Row("a float", "12.5 µs")
	return t
}

func TestTableAsMarkdown(t *testing.T) {
	t.Parallel()
	want := "| request | time |\n" +
		"| --- | ---: |\n" +
		"| bytes | 7 µs |\n" +
		"| a float | 12.5 µs |"
	if got := twoRows().Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTableAsText(t *testing.T) {
	t.Parallel()
	want := "request     time\n" +
		"bytes       7 µs\n" +
		"a float  12.5 µs"
	if got := twoRows().Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReportKeepsItsOrder(t *testing.T) {
	t.Parallel()
	r := &Report{}
	r.Add(Paragraph("Before."), twoRows(), Code("make bench"))
	want := "Before.\n\n" + twoRows().Markdown() + "\n\n```sh\nmake bench\n```\n"
	if got := r.Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
