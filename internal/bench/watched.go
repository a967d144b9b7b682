package main

import (
	"context"
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// watched is a server that is asked what it has seen.
type watched struct {
	*process.Process
	// scraper reads the metrics, on a connection that nothing else uses.
	scraper *http.Client
}

// metrics reads the server's.
func (w watched) metrics(ctx context.Context) (metrics, error) {
	return scrape(ctx, w.scraper, w.Base)
}

// serverCounts is what a server says of its requests.
type serverCounts struct {
	// succeeded and failed are the requests that had their answer, refusals among the
	// latter, which took failing in sum.
	succeeded, failed int64
	failing           time.Duration
	// refused is how many of a model's requests were told to come again, and cancelled
	// how many were given up by their callers before they were run.
	refused, cancelled int64
	// executions are the model's runs.
	executions int64
}

// counts asks the server.
func (w watched) counts(ctx context.Context) (serverCounts, error) {
	m, err := w.metrics(ctx)
	if err != nil {
		return serverCounts{}, err
	}
	statistics, err := dialInference(w.Process).ModelStatistics(ctx, &inference.ModelStatisticsRequest{})
	if err != nil {
		return serverCounts{}, err
	}
	var c serverCounts
	for _, stats := range statistics.GetModelStats() {
		c.succeeded += int64(stats.GetInferenceStats().GetSuccess().GetCount())
		c.failed += int64(stats.GetInferenceStats().GetFail().GetCount())
		c.failing += time.Duration(stats.GetInferenceStats().GetFail().GetNs())
		c.executions += int64(stats.GetExecutionCount())
	}
	for _, reason := range []string{"queue_full", "busy", "timeout", "failing"} {
		c.refused += int64(m.of("tensorwire_requests_not_run_total", `reason="`+reason+`"`))
	}
	c.cancelled = int64(m.of("tensorwire_requests_not_run_total", `reason="cancelled"`))
	return c, nil
}

// since returns what has come since former counts.
func (c serverCounts) since(former serverCounts) serverCounts {
	return serverCounts{
		succeeded: c.succeeded - former.succeeded, failed: c.failed - former.failed, failing: c.failing - former.failing,
		refused: c.refused - former.refused, cancelled: c.cancelled - former.cancelled, executions: c.executions - former.executions,
	}
}

// accepted returns how many requests were not refused.
func (c serverCounts) accepted() int64 { return c.succeeded + c.failed - c.refused }

// refusal writes the mean time of a refusal in the server; a dash where requests failed for
// other reasons, too.
func (c serverCounts) refusal() string {
	if c.failed != c.refused || c.failed == 0 {
		return "–"
	}
	return report.Time(c.failing / time.Duration(c.failed))
}
