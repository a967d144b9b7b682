package overload_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

// fullError is an error of overload as other packages have them.
type fullError struct{ wait time.Duration }

func (e *fullError) Error() string             { return "full" }
func (e *fullError) RetryAfter() time.Duration { return e.wait }

func TestWaitIsInWholeSecondsAndNeverNone(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		-time.Hour:              "1",
		0:                       "1",
		time.Nanosecond:         "1",
		time.Second:             "1",
		time.Second + 1:         "2",
		1500 * time.Millisecond: "2",
		time.Minute:             "60",
		math.MaxInt64:           "9223372036",
	} {
		for name, err := range map[string]error{
			"Unavailable": fmt.Errorf("wrapped: %w", overload.Unavailable(wait, "overloaded")),
			"RetryAfter":  fmt.Errorf("wrapped: %w", &fullError{wait}),
		} {
			header := http.Header{}
			if overload.SetRetryAfter(header, err); header.Get("Retry-After") != want {
				t.Errorf("%s of %v: Retry-After is %q, want %s", name, wait, header.Get("Retry-After"), want)
			}
		}
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	err := overload.Unavailable(time.Second, "overloaded")
	details := err.Details()
	if err.Code() != connect.CodeUnavailable || err.Message() != "overloaded" || len(details) != 1 || details[0].Type != "google.rpc.RetryInfo" {
		t.Errorf("%v with %v", err, details)
	}
}

func TestOtherErrorsAskForNoWait(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("else"), connect.NewError(connect.CodeUnavailable, "stopping")} {
		header := http.Header{}
		if overload.SetRetryAfter(header, err); len(header) > 0 {
			t.Errorf("%v: %v", err, header)
		}
	}
}
