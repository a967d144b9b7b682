package main

import (
	"strings"
	"testing"
)

func TestMetricsAreSummedUpByNameAndLabels(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(strings.NewReader(`# HELP not_run_total Requests.
# TYPE not_run_total counter
not_run_total{model="a b",reason="busy",version="1"} 3
not_run_total{model="a b",reason="busy",version="2"} 4
not_run_total{model="c",reason="cancelled",version="1"} 1e+04
not_run_total_created{reason="busy"} 99
used_bytes 5.5
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{7, "not_run_total", []string{`reason="busy"`}},
		{4, "not_run_total", []string{`reason="busy"`, `version="2"`}},
		{10_000, "not_run_total", []string{`reason="cancelled"`}},
		{5.5, "used_bytes", nil},
		{0, "not_run_total", []string{`reason="timeout"`}},
	} {
		if got := m.of(test.name, test.labels...); got != test.want {
			t.Errorf("%s %v is %v, want %v", test.name, test.labels, got, test.want)
		}
	}
	if _, err := parseMetrics(strings.NewReader("a b\n")); err == nil {
		t.Error("what is no number was taken for one")
	}
}
