package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

var (
	documentedMetric = regexp.MustCompile("(?m)^\\| `((?:tensorwire|nv)_[a-z_]+)` \\| ([a-z]+) \\|")
	servedMetric     = regexp.MustCompile(`(?m)^# TYPE ((?:tensorwire|nv)_[a-z_]+) ([a-z]+)$`)
)

// TestTheDocumentedMetricsAreThere compares docs/metrics.md with the server's metrics.
func TestTheDocumentedMetricsAreThere(t *testing.T) {
	dir := t.TempDir()
	configured(t, dir, "m", `max_batch_size: 8`)
	configured(t, dir, "broken", `max_batch_size: wrong`) // a failed load is exported once it has occurred
	p := start(t, "--models", dir, "--log-level", "error", "--otlp-endpoint", "http://localhost:1", "--trace-sample-ratio", "0")
	// A failure reason is exported once it has occurred: a timeout of a microsecond has
	// passed when the request has been read.
	body := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}],"parameters":{"timeout":1}}`
	res, err := newClient(t, false, nil).Post(p.url+"/v2/models/m/infer", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s, %v", res.Status, res.Header)
	}
	res, err = newClient(t, false, nil).Post(p.url+"/v2/models/made-up/infer", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	list := func(found [][]string) []string {
		var all []string
		for _, match := range found {
			all = append(all, match[1]+" "+match[2])
		}
		slices.Sort(all)
		return all
	}
	documented, served := list(documentedMetric.FindAllStringSubmatch(string(page), -1)), list(servedMetric.FindAllStringSubmatch(metrics(t, p), -1))
	// A load that is in progress has a metric while it runs: TestLoadsAndStatesAreExported.
	served = append(served, "tensorwire_model_load_in_progress_seconds gauge")
	slices.Sort(served)
	if len(served) < 10 || !slices.Equal(documented, served) {
		t.Errorf("docs/metrics.md has\n%s\nand the server\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
	if strings.Contains(metrics(t, p), "made-up") {
		t.Error("a model that does not exist has a metric")
	}
	reasons := []string{"queue_full", "busy", "timeout", "failing", "cancelled", "quarantined", "overtaken"}
	reasons = append(reasons, repository.FailureModel, repository.FailureFiles, repository.FailureMemory, repository.FailureTimeLimit, repository.FailureCrash)
	for _, reason := range reasons {
		if !strings.Contains(string(page), "\n| `"+reason+"` |") {
			t.Errorf("docs/metrics.md does not describe the reason %s", reason)
		}
	}
}
