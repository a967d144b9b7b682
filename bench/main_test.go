package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/load"
)

// The test program is also the servers that it measures.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == serveCommand || os.Args[1] == engineCommand) {
		main()
	}
	os.Exit(m.Run())
}

// Sections of each kind run, and update their places in a document.
func TestSections(t *testing.T) {
	document := filepath.Join(t.TempDir(), "performance.md")
	var text string
	names := strings.Split("encodings,json,roundtrips,share,batching,overload,latest,machine,grpc-requests,grpc-identity,grpc-streams,grpc-link,grpc-idle,before-after", ",")
	for _, name := range names {
		text += "<!-- bench:begin " + name + " -->old<!-- bench:end " + name + " -->\n"
	}
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	server := filepath.Join(t.TempDir(), "tensorwire")
	build := exec.Command("go", "build", "-o", server, "./cmd/tensorwire")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"-quick", "-time", "10ms", "-overload", "100ms", "-server", server, "-before", server, "-only", strings.Join(names, ","), "-update", document}, &stdout, t.Output()); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	updated, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(updated), "old") || strings.Count(stdout.String(), "\n## ") != len(names)-1 {
		t.Errorf("not all sections have a table:\n%s", updated)
	}
	for _, want := range []string{"| 20,000,000 | 4 | 1 |", "| `net/http` |", "| before, again |", "make bench BENCHTIME=10ms", "| `dense` | 1 | on, 1 ms delay |"} {
		if !strings.Contains(string(updated), want) {
			t.Errorf("the document has no %q:\n%s", want, updated)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`no section or group "nothing"; use some of encodings`: {"-only", "nothing"},
		"above zero":              {"-rounds", "0"},
		"-update needs documents": {"-update"},
		"add -before PATH":        {"-only", beforeAfter},
		`-kind is "other"`:        {serveCommand, "-kind", "other"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: exit code %d, %s", args, code, stderr.String())
		}
	}
}

// A wrong response ends the measurement.
func TestChecks(t *testing.T) {
	t.Parallel()
	payload := newPayload(imageBytes)
	other := slices.Concat(payload[:imageBytes-1], []byte{payload[imageBytes-1] + 1})
	response := func(raw ...[]byte) *inference.ModelInferResponse {
		return &inference.ModelInferResponse{RawOutputContents: raw}
	}
	for i, err := range []error{
		isPayload(payload)(response()), isPayload(payload)(response(payload[:16])), isPayload(payload)(response(other)),
		hasSize(16)(response(payload)), hasLength(16)(response([]byte{17, 0, 0, 0, 0, 0, 0, 0})), isMean(nil), isMean([]float32{0.1, 0.2, 7}),
	} {
		if err == nil {
			t.Errorf("wrong response %d is no error", i)
		}
	}
}

// Targets are judged by the ratio as printed.
func TestTargets(t *testing.T) {
	t.Parallel()
	b := &bench{}
	for got, want := range map[string]string{
		b.compared("a", 5049, 10000, target{max: 0.5}): "a (0.50×)",
		b.compared("b", 51, 100, target{max: 0.5}):     "b (0.51×) ✗",
		b.compared("c", 149, 100, target{min: 1.5}):    "c (1.49×) ✗",
		b.compared("d", 1, 0, target{max: 0.5}):        "d (–)",
	} {
		if got != want || b.missed != 2 {
			t.Errorf("%q, want %q; %d missed, want 2", got, want, b.missed)
		}
	}
}

// Lost are the accepted requests without a response; unheard those that ended otherwise
// and had not been accepted.
func TestLostRequests(t *testing.T) {
	t.Parallel()
	const metrics = "not_run{model=\"a b\",reason=\"busy\",version=\"1\"} 13\nnot_run{reason=\"busy\"} 7\nnot_run{reason=\"cancelled\"} 9\nnot_run_created{reason=\"busy\"} 99\n"
	o := overloaded{served: serverCounts{succeeded: 10, failed: 25, refused: int64(sumMetric(metrics, "not_run", `reason="busy"`))}}
	for i := range 21 { // 9 answered, 12 expired
		var err error
		if i >= 9 {
			err = &load.StatusError{Code: 4}
		}
		o.Add(time.Now(), time.Now(), err)
	}
	if o.accepted() != 15 || o.lost() != 6 || o.unheard() != 6 {
		t.Errorf("%d accepted, %d lost, %d unheard", o.accepted(), o.lost(), o.unheard())
	}
	if got := divisions(2); !slices.Equal(got, []division{{2, 1}, {1, 1}, {1, 2}, {2, 2}, {4, 1}}) {
		t.Errorf("divisions of 2 CPUs are %v", got)
	}
}
