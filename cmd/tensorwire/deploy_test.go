package main

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var updateDashboard = flag.Bool("update-dashboard", false, "write deploy/grafana/tensorwire.json")

const (
	alertsFile    = "../../deploy/prometheus/alerts.yaml"
	dashboardFile = "../../deploy/grafana/tensorwire.json"
)

// The panels of the dashboard: a title, a unit of Grafana, and the legends with their expressions.
type panel struct {
	title, unit string
	targets     [][2]string
}

const (
	selected = `{instance=~"$instance",model=~"$model"}`
	server   = `{instance=~"$instance"}`
)

func rate(metric, labels string) string { return "rate(" + metric + labels + "[$__rate_interval])" }

// quantiles returns the targets of a histogram.
func quantiles(metric string) [][2]string {
	of := func(q string) string {
		return "histogram_quantile(" + q + ", sum by (le, model) (" + rate(metric+"_bucket", selected) + "))"
	}
	return [][2]string{{"{{model}} p50", of("0.5")}, {"{{model}} p95", of("0.95")}, {"{{model}} p99", of("0.99")}}
}

var rows = []struct {
	title  string
	panels []panel
}{
	{"Requests", []panel{
		{"Requests by outcome", "reqps", [][2]string{{"{{model}} {{outcome}}", "sum by (model, outcome) (" + rate("tensorwire_requests_total", selected) + ")"}}},
		{"Responses by code", "reqps", [][2]string{{"{{protocol}} {{code}}", "sum by (protocol, code) (" + rate("tensorwire_responses_total", server) + ")"}}},
		{"Requests not run", "reqps", [][2]string{{"{{model}} {{reason}}", "sum by (model, reason) (" + rate("tensorwire_requests_not_run_total", selected) + ")"}}},
		{"Latency", "s", quantiles("tensorwire_request_seconds")},
		{"Time in the queue", "s", quantiles("tensorwire_queue_seconds")},
		{"Duration of runs", "s", quantiles("tensorwire_compute_seconds")},
	}},
	{"Models", []panel{
		{"Queue", "short", [][2]string{{"{{model}}", "sum by (model) (tensorwire_queue_requests" + selected + ")"}}},
		{"In flight", "short", [][2]string{{"{{model}}", "sum by (model) (tensorwire_requests_in_flight" + selected + ")"}}},
		{"Mean batch size", "short", [][2]string{{"{{model}}", "sum by (model) (" + rate("tensorwire_batch_size_sum", selected) + ") / sum by (model) (" + rate("tensorwire_batch_size_count", selected) + ")"}}},
		{"Inferences", "ops", [][2]string{{"{{model}}", "sum by (model) (" + rate("tensorwire_inferences_total", selected) + ")"}}},
		{"Response cache", "reqps", [][2]string{{"{{model}} {{outcome}}", "sum by (model, outcome) (" + rate("tensorwire_response_cache_lookups_total", selected) + ")"}}},
		{"States", "short", [][2]string{
			{"ready", "sum(tensorwire_model_ready" + selected + ")"}, {"unhealthy", "sum(tensorwire_model_unhealthy" + selected + ")"}, {"load failed", "sum(tensorwire_model_load_failed" + selected + ")"},
		}},
	}},
	{"Server", []panel{
		{"Memory budget", "bytes", [][2]string{{"{{instance}} used", "tensorwire_memory_budget_used_bytes" + server}, {"{{instance}} limit", "tensorwire_memory_budget_bytes" + server}}},
		{"Memory", "bytes", [][2]string{{"{{instance}} server", "process_resident_memory_bytes" + server}, {"{{instance}} workers", "tensorwire_worker_memory_bytes" + server}}},
		{"CPUs of the server", "short", [][2]string{{"{{instance}}", rate("process_cpu_seconds_total", server)}}},
		{"Connections", "short", [][2]string{{"{{instance}}", "tensorwire_connections" + server}}},
		{"Workers", "short", [][2]string{{"{{instance}} serving", "tensorwire_workers" + server}, {"{{instance}} deaths", "increase(tensorwire_worker_deaths_total" + server + "[$__rate_interval])"}}},
		{"Rejected for memory and connections", "reqps", [][2]string{{"{{instance}} memory", rate("tensorwire_memory_budget_refused_total", server)}, {"{{instance}} connections", rate("tensorwire_connections_refused_total", server)}}},
	}},
}

// dashboard returns the JSON of the dashboard: rows of three panels.
func dashboard() []byte {
	source := map[string]any{"type": "prometheus", "uid": "${datasource}"}
	variable := func(name, query string) map[string]any {
		return map[string]any{"name": name, "type": "query", "datasource": source, "query": query, "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*", "current": map[string]any{"text": "All", "value": "$__all"}}
	}
	var panels []any
	id, y := 0, 0
	add := func(p map[string]any, x, w, h int) {
		id++
		p["id"], p["gridPos"] = id, map[string]int{"x": x, "y": y, "w": w, "h": h}
		panels = append(panels, p)
	}
	for _, row := range rows {
		add(map[string]any{"type": "row", "title": row.title, "collapsed": false, "panels": []any{}}, 0, 24, 1)
		y++
		for i, p := range row.panels {
			var targets []any
			for j, target := range p.targets {
				targets = append(targets, map[string]any{"refId": string(rune('A' + j)), "datasource": source, "legendFormat": target[0], "expr": target[1]})
			}
			add(map[string]any{
				"type": "timeseries", "title": p.title, "datasource": source, "targets": targets,
				"fieldConfig": map[string]any{"defaults": map[string]any{"unit": p.unit, "min": 0}, "overrides": []any{}},
			}, i%3*8, 8, 8)
			if i%3 == 2 {
				y += 8
			}
		}
	}
	text, _ := json.MarshalIndent(map[string]any{ // has a JSON form
		"uid": "tensorwire", "title": "Tensorwire", "tags": []string{"tensorwire"}, "schemaVersion": 39, "refresh": "30s",
		"time": map[string]string{"from": "now-1h", "to": "now"}, "panels": panels,
		"templating": map[string]any{"list": []any{
			map[string]any{"name": "datasource", "type": "datasource", "query": "prometheus"},
			variable("instance", "label_values(tensorwire_ready, instance)"),
			variable("model", `label_values(tensorwire_requests_in_flight{instance=~"$instance"}, model)`),
		}},
	}, "", " ")
	return append(text, '\n')
}

// deploy/grafana has the dashboard that this file describes:
// go test ./cmd/tensorwire -run TestTheDashboard -update-dashboard writes it.
func TestTheDashboardIsUpToDate(t *testing.T) {
	if *updateDashboard {
		if err := os.WriteFile(dashboardFile, dashboard(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := os.ReadFile(dashboardFile); err != nil || string(found) != string(dashboard()) {
		t.Errorf("%s is not up to date, %v: run this test with -update-dashboard", dashboardFile, err)
	}
}

// alertExpressions returns the expressions of the alerts.
func alertExpressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Expr == "" {
				t.Errorf("a rule without a name or an expression: %+v", r)
			}
			all = append(all, r.Expr)
		}
	}
	return all
}

var metricName = regexp.MustCompile(`\b(?:tensorwire|nv|process|go)_[a-z_]+`)

// Each metric of the dashboard, of the alerts and of the queries in the documents exists.
func TestWhatIsDeployedUsesMetricsThatExist(t *testing.T) {
	dir := t.TempDir()
	configured(t, dir, "m", `max_batch_size: 8`)
	p := start(t, "--models", dir)
	body := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]%s}`
	for _, parameters := range []string{"", `,"parameters":{"timeout":1}`} { // the second is not run
		res, err := newClient(t, false, nil).Post(p.url+"/v2/models/m/infer", "application/json", strings.NewReader(strings.ReplaceAll(body, "%s", parameters)))
		if err != nil {
			t.Fatal(err)
		}
		if parameters == "" && res.StatusCode != http.StatusOK {
			t.Error(res.Status)
		}
		res.Body.Close()
	}
	scrape := metrics(t, p)
	expressions := alertExpressions(t)
	for _, row := range rows {
		for _, panel := range row.panels {
			for _, target := range panel.targets {
				expressions = append(expressions, target[1])
			}
		}
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, autoscaling, ok := strings.Cut(string(page), "\n## Autoscaling\n")
	if !ok {
		t.Fatal("docs/operations.md has no section Autoscaling")
	}
	autoscaling, _, _ = strings.Cut(autoscaling, "\n## ")
	checked := 0
	for _, expression := range append(expressions, autoscaling) {
		for _, name := range metricName.FindAllString(expression, -1) {
			if name == "tensorwire_model_load_in_progress_seconds" {
				continue // exists while a model loads
			}
			checked++
			if !strings.Contains(scrape, "\n"+name+"{") && !strings.Contains(scrape, "\n"+name+" ") {
				t.Errorf("%s does not exist: %s", name, expression)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d names are found", checked)
	}
}

// Prometheus accepts the alerts and the expressions of the dashboard.
func TestPrometheusAcceptsTheExpressions(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	check := func(file string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	check(alertsFile)
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var all []rule
	for _, row := range rows {
		for _, panel := range row.panels {
			for _, target := range panel.targets {
				all = append(all, rule{"panel:" + strings.ReplaceAll(strings.ToLower(panel.title), " ", "_") + ":" + string(rune('a'+len(all)%26)), strings.ReplaceAll(target[1], "$__rate_interval", "5m")})
			}
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/rules.yaml"
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	check(file)
}
