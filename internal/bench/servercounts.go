package main

import (
	"context"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// serverCounts is what a server says of its requests.
type serverCounts struct {
	// succeeded and failed are the requests that had their answer, refusals among the
	// latter, which took failing in sum.
	succeeded, failed int64
	failing           time.Duration
	// refused is how many were told to come again, and cancelled how many were given up by
	// their callers before they were run.
	refused, cancelled int64
	// executions are the model's runs, and inferences what was computed in them for
	// requests that succeeded.
	executions, inferences int64
}

// counts asks the server.
func (s *ownServer) counts(ctx context.Context) (serverCounts, error) {
	m, err := s.metrics(ctx)
	if err != nil {
		return serverCounts{}, err
	}
	transport := connecthttp.NewTransport(s.scraper, s.Base)
	statistics, err := inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(transport)).ModelStatistics(ctx, &inference.ModelStatisticsRequest{})
	if err != nil {
		return serverCounts{}, err
	}
	var c serverCounts
	for _, stats := range statistics.GetModelStats() {
		c.succeeded += int64(stats.GetInferenceStats().GetSuccess().GetCount())
		c.failed += int64(stats.GetInferenceStats().GetFail().GetCount())
		c.failing += time.Duration(stats.GetInferenceStats().GetFail().GetNs())
		c.executions += int64(stats.GetExecutionCount())
		c.inferences += int64(stats.GetInferenceCount())
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
		refused: c.refused - former.refused, cancelled: c.cancelled - former.cancelled,
		executions: c.executions - former.executions, inferences: c.inferences - former.inferences,
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
