package main

import "testing"

func twoRows() *table {
	t := newTable(1, "request", "time")
	t.row("bytes", "7 µs")
	t.row("a float", "12.5 µs")
	return t
}

func TestTableAsMarkdown(t *testing.T) {
	t.Parallel()
	want := "| request | time |\n" +
		"| --- | ---: |\n" +
		"| bytes | 7 µs |\n" +
		"| a float | 12.5 µs |"
	if got := twoRows().markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTableAsText(t *testing.T) {
	t.Parallel()
	want := "request     time\n" +
		"bytes       7 µs\n" +
		"a float  12.5 µs"
	if got := twoRows().text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReportKeepsItsOrder(t *testing.T) {
	t.Parallel()
	r := &report{}
	r.add(paragraph("Before."), twoRows(), code("make bench"))
	want := "Before.\n\n" + twoRows().markdown() + "\n\n```sh\nmake bench\n```\n"
	if got := r.markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
