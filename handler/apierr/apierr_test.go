package apierr_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

func TestErrorsHaveOneCodeAndStatus(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		code   connect.Code
		status int
	}{
		"invalid":            {err: infer.Invalidf("x"), code: connect.CodeInvalidArgument, status: 400},
		"an invalid image":   {err: imageinput.ErrInvalid, code: connect.CodeInvalidArgument, status: 400},
		"a large image":      {err: vision.ErrTooLarge, code: connect.CodeResourceExhausted, status: 413},
		"an unknown model":   {err: repository.ErrNotFound, code: connect.CodeNotFound, status: 404},
		"no load, not found": {err: fmt.Errorf("%w: %w", repository.ErrLoad, repository.ErrNotFound), code: connect.CodeNotFound, status: 404},
		"not supported":      {err: infer.ErrSharedMemoryOff, code: connect.CodeUnimplemented, status: 501},
		"overtaken":          {err: infer.ErrOvertaken, code: connect.CodeAborted, status: 409},
		"the ceiling":        {err: infer.ErrDeadlineCeiling, code: connect.CodeDeadlineExceeded, status: 504},
		"stopping":           {err: errors.Join(nil, infer.ErrStopping), code: connect.CodeUnavailable, status: 503},
		"a panic":            {err: telemetry.ErrInternal, code: connect.CodeInternal, status: 500},
		"cancelled":          {err: context.Canceled, code: connect.CodeCanceled, status: 499},
		"a deadline":         {err: context.DeadlineExceeded, code: connect.CodeDeadlineExceeded, status: 504},
		"an RPC's error":     {err: connect.NewError(connect.CodePermissionDenied, "x"), code: connect.CodePermissionDenied, status: 403},
		"bad input":          {err: fmt.Errorf("%w: %w: x", engine.ErrBadInput, engine.ErrRun), code: connect.CodeInvalidArgument, status: 400},
		"a time limit":       {err: engine.ErrTimeLimit, code: connect.CodeDeadlineExceeded, status: 504},
		"out of memory":      {err: engine.ErrOutOfMemory, code: connect.CodeUnavailable, status: 503},
		"no worker":          {err: engine.ErrNoProcess, code: connect.CodeUnavailable, status: 503},
		"a crash":            {err: engine.ErrCrashed, code: connect.CodeInternal, status: 500},
		"a model that fails": {err: engine.ErrRun, code: connect.CodeInternal, status: 500},
		"unknown":            {err: errors.New("a secret"), code: connect.CodeInternal, status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			err := fmt.Errorf("wrapped: %w", test.err)
			rpc := apierr.RPC(t.Context(), log, err)
			status, text := apierr.REST(t.Context(), log, http.Header{}, err)
			if rpc.Code() != test.code || status != test.status || text != rpc.Message() || strings.Contains(text, "secret") {
				t.Errorf("code %v, status %d: %s", rpc.Code(), status, text)
			}
		})
	}
}

// The access log has the code and the text of an error of REST, as of an RPC.
func TestRESTRecordsTheErrorForTheAccessLog(t *testing.T) {
	var lines strings.Builder
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	record := &telemetry.Request{ID: "1"}
	ctx := telemetry.WithRequest(t.Context(), record)
	status, _ := apierr.REST(ctx, log, http.Header{}, fmt.Errorf("region a: %w", sharedmem.ErrExists))
	telemetry.AccessLogDebug.Log(ctx, log, record, telemetry.Access{Status: status})
	for _, want := range []string{"code=already_exists", "status=409", "region a: shared memory region is already registered"} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("no %q in %s", want, lines.String())
		}
	}
}

func TestAnInternalErrorLogsItsCause(t *testing.T) {
	var log strings.Builder
	rpc := apierr.RPC(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), errors.New("a secret"))
	if rpc.Code() != connect.CodeInternal || !strings.Contains(log.String(), "a secret") {
		t.Errorf("%v; the log is %q", rpc, log.String())
	}
}

func TestOverloadHasATimeToRetryAfter(t *testing.T) {
	header := http.Header{}
	log := slog.New(slog.DiscardHandler)
	rpc := apierr.RPC(t.Context(), log, scheduler.ErrQueueFull)
	status, _ := apierr.REST(t.Context(), log, header, scheduler.ErrQueueFull)
	if wait, ok := overload.RetryAfter(rpc); !ok || wait != time.Second || status != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" {
		t.Errorf("wait %v, status %d, %v", wait, status, header)
	}
}

// A text may quote a request, and headers are bounded.
func TestTextsAreBounded(t *testing.T) {
	rpc := apierr.RPC(t.Context(), slog.New(slog.DiscardHandler), infer.Invalidf("%s", strings.Repeat("é", 1<<20)))
	if text := rpc.Message(); len(text) > 5000 || !strings.HasSuffix(text, "...") {
		t.Errorf("%d bytes", len(text))
	}
}

// The texts of failures of a model are for callers, too: the runtime's reason, or the signal
// and the operator of a crash.
func TestFailuresOfAModelHaveTheirText(t *testing.T) {
	for _, failure := range []error{engine.ErrRun, engine.ErrCrashed, engine.ErrOutOfMemory, engine.ErrTimeLimit, engine.ErrBadInput} {
		const details = "signal SIGFPE in the operator Div, node 'half'"
		log := slog.New(slog.DiscardHandler)
		err := fmt.Errorf("%w: %s", failure, details)
		rpc := apierr.RPC(t.Context(), log, err)
		if _, text := apierr.REST(t.Context(), log, http.Header{}, err); text != err.Error() || rpc.Message() != text || !strings.HasSuffix(text, details) {
			t.Errorf("%v: %q and %q", failure, rpc.Message(), text)
		}
	}
}

// A run that exceeds its limit, and one without memory, are no overload: the same request
// would fail again at once.
func TestFailuresOfAModelHaveNoTimeToRetryAfter(t *testing.T) {
	for _, failure := range []error{engine.ErrTimeLimit, engine.ErrOutOfMemory, engine.ErrCrashed, engine.ErrRun} {
		header := http.Header{}
		apierr.REST(t.Context(), slog.New(slog.DiscardHandler), header, failure)
		if len(header) != 0 {
			t.Errorf("%v: %v", failure, header)
		}
	}
}
