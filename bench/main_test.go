package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// This program is also the servers that it measures.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		main()
	}
	os.Exit(m.Run())
}

// A quick run measures both servers, and puts its table into a document.
func TestQuickRunUpdatesADocument(t *testing.T) {
	t.Parallel()
	document := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(document, []byte("# Figures\n<!-- bench:begin grpc-requests -->old<!-- bench:end grpc-requests -->\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"-quick", "-only", "grpc-requests,grpc-machine", "-update", document}, &stdout, t.Output()); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 16 | 4 | 1 |", "| 602,112 | 4 | 1 |", "| 20,000,000 | 4 | 1 |", "× is against grpc-go"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Errorf("the document kept its old table:\n%s", text)
	}
	if want := "make bench-transport"; !strings.Contains(stdout.String(), want) {
		t.Errorf("does not print %q:\n%s", want, stdout.String())
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-only", "nothing"}, `no section "nothing"; there are grpc-baseline`},
		{[]string{"-rounds", "0"}, "more than zero"},
		{[]string{"-callers", "4,none"}, `"none" is no number above zero`},
		{[]string{"-update"}, "-update goes with the documents"},
		{[]string{serveCommand, "-kind", "other"}, `no kind of server "other"`},
		{[]string{serveCommand, "-tuning", "other"}, `not "other"`},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), c.args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: exit code %d, %s", c.args, code, stderr.String())
		}
	}
}

// quick returns a bench of this program's own servers.
func quick(t *testing.T) *bench {
	t.Helper()
	o, err := parse([]string{"-quick"}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// startServers calls do with the base of each of the bench's own servers.
func startServers(t *testing.T, args []string, do func(ctx context.Context, t *testing.T, base string)) {
	t.Helper()
	b := quick(t)
	for _, c := range b.without("", args...) {
		t.Run(c.name, func(t *testing.T) {
			p, err := c.start(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			do(t.Context(), t, p.Base)
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
