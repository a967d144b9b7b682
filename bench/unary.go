package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// row is one load: payloads of size bytes, and who sends them over what.
type row struct{ size, callers, conns int }

// rows are those of every unary section.
func (b *bench) rows() []row {
	var all []row
	for _, size := range b.sizes {
		for _, callers := range b.callers {
			for _, conns := range b.conns {
				all = append(all, row{size, callers, conns})
			}
		}
	}
	return all
}

// unary measures every row: against returns the servers, request what the client sends
// and check what looks at the answer.
func (b *bench) unary(ctx context.Context, text string,
	against func(row) ([]contender, error),
	request func(row) (*inference.ModelInferRequest, func(*inference.ModelInferResponse) error),
) (*report.Report, error) {
	t := report.NewTable(0, "bytes", "callers", "connections", "server CPU per request", "requests/s", "p50", "p99", "peak memory")
	for _, at := range b.rows() {
		contenders, err := against(at)
		if err != nil {
			return nil, err
		}
		req, check := request(at)
		seen, err := b.duel(ctx, contenders, at.callers, func(_ contender, base string) (*caller, error) {
			c, err := dial(base, at.conns)
			if err != nil {
				return nil, err
			}
			return c.unary(at.callers, req, check), nil
		})
		if err != nil {
			return nil, fmt.Errorf("%d bytes, %d callers, %d connections: %w", at.size, at.callers, at.conns, err)
		}
		b.unaryRow(t, at, seen[1], seen[0])
	}
	r := &report.Report{}
	r.Add(report.Paragraph(text), t, report.Paragraph(floorsText()))
	return r, nil
}

func (b *bench) unaryRow(t *report.Table, at row, ours, base outcome) {
	memory := report.Compared(report.Bytes(ours.peak), ours.peak, base.peak)
	if at.size == largeBytes && at.callers == mostCallers {
		memory = atMost(b, report.Bytes(ours.peak), ours.peak, base.peak, mostMemory)
	}
	t.Row(report.Count(int64(at.size)), strconv.Itoa(at.callers), strconv.Itoa(at.conns),
		cpuCell(b, ours.CPU, base.CPU, mostCPUAt(at.size)),
		report.Compared(report.Count(ours.Rate), ours.Rate, base.Rate),
		report.Compared(report.Time(ours.P50), ours.P50, base.P50),
		atMost(b, report.Time(ours.P99), ours.P99, base.P99, mostP99),
		memory)
}

// requests measures large requests with small answers, and no model.
func (b *bench) requests(ctx context.Context) (*report.Report, error) {
	return b.unary(ctx, "Tensorwire's gRPC, without a model: the handler answers with the length of what it was sent.",
		func(at row) ([]contender, error) {
			return b.without(fmt.Sprintf("requests-%d-%d-%d", at.size, at.callers, at.conns)), nil
		},
		func(at row) (*inference.ModelInferRequest, func(*inference.ModelInferResponse) error) {
			return newRequest(newPayload(at.size)), hasLength(at.size)
		})
}

// answers measures small requests with large answers, and no model.
func (b *bench) answers(ctx context.Context) (*report.Report, error) {
	return b.unary(ctx, fmt.Sprintf("Tensorwire's gRPC, without a model: a request of %d bytes, and an answer of so many.", smallBytes),
		func(at row) ([]contender, error) {
			return b.without(fmt.Sprintf("answers-%d-%d-%d", at.size, at.callers, at.conns), "-answer", strconv.Itoa(at.size)), nil
		},
		func(at row) (*inference.ModelInferRequest, func(*inference.ModelInferResponse) error) {
			return newRequest(newPayload(smallBytes)), hasSize(at.size)
		})
}

// identity measures requests and answers of one size, with a model.
func (b *bench) identity(ctx context.Context) (*report.Report, error) {
	return b.unary(ctx, "`bin/tensorwire serve` as it comes, and grpc-go's server around the same engine: a model in ONNX Runtime answers with what it was sent.",
		func(row) ([]contender, error) { return b.withModel() },
		func(at row) (*inference.ModelInferRequest, func(*inference.ModelInferResponse) error) {
			payload := newPayload(at.size)
			return newRequest(payload), isPayload(payload)
		})
}

// newPayload returns bytes that no two places have alike by rule.
func newPayload(size int) []byte {
	payload := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(payload) // never fails
	return payload
}
