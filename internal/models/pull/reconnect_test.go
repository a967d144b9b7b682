package pull_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/pull"
)

func TestLostConnectionResumes(t *testing.T) {
	t.Parallel()
	const size = 400_000
	for name, c := range map[string]struct {
		cut      func(int) int
		noRanges bool
		etag     string
		digest   bool
		ranges   []string
	}{
		"once":                    {once(100_000), false, `"one"`, true, []string{"", "bytes=100000-"}},
		"before the first byte":   {once(0), false, `"one"`, true, []string{"", ""}},
		"before the last byte":    {once(size - 1), false, `"one"`, true, []string{"", "bytes=399999-"}},
		"every 150,000 bytes":     {always(150_000), false, `"one"`, true, []string{"", "bytes=150000-", "bytes=300000-"}},
		"no digest":               {once(100_000), false, `"one"`, false, []string{"", "bytes=100000-"}},
		"no ranges":               {once(100_000), true, `"one"`, true, []string{"", "bytes=100000-"}},
		"no ETag":                 {once(100_000), false, "", true, []string{"", "bytes=100000-"}},
		"no ETag and no digest":   {once(100_000), false, "", false, []string{"", ""}},
		"weak ETag and no digest": {once(100_000), false, `W/"one"`, false, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, size)
			o.cut, o.noRanges, o.etag = c.cut, c.noRanges, c.etag
			options := o.options(t)
			if !c.digest {
				options.SHA256 = ""
			}
			result, err := pull.Pull(t.Context(), options)
			if err != nil || result.SHA256 != digestOf(o.content) {
				t.Fatalf("result %+v, %v", result, err)
			}
			pulled(t, options.Dir, o.content)
			if got := o.ranges(); !slices.Equal(got, c.ranges) {
				t.Errorf("ranges %q, want %q", got, c.ranges)
			}
		})
	}
}

// TestProgressResetsRetries drops more connections than there are retries. Each attempt
// adds enough bytes to reset the count.
func TestProgressResetsRetries(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 8<<20)
	o.cut = always(1 << 20)
	options := o.options(t)
	options.Retries = 1
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	pulled(t, options.Dir, o.content)
	if len(o.requests) != 8 {
		t.Errorf("%d requests", len(o.requests))
	}
}

func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cut      int
		noRanges bool
		retries  int
		requests int
		kept     int64
	}{
		"nothing comes":         {0, false, 2, 3, 0},
		"little comes":          {100, false, 3, 4, 400},
		"the same comes always": {2 << 20, true, 2, 3, 2 << 20},
		"no retries":            {100, false, -1, 1, 100},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, 3<<20)
			o.cut, o.noRanges = always(c.cut), c.noRanges
			options := o.options(t)
			options.Retries = c.retries
			_, err := pull.Pull(t.Context(), options)
			wantError(t, err, "connection lost")
			if len(o.requests) != c.requests {
				t.Errorf("%d requests, want %d", len(o.requests), c.requests)
			}
			partial, kept := errors.AsType[*pull.PartialError](err)
			if kept != (c.kept > 0) || (kept && partial.Bytes != c.kept) {
				t.Errorf("error %v, want %d bytes kept", err, c.kept)
			}
			if _, err := os.Lstat(filepath.Join(options.Dir, "cats")); err == nil {
				t.Error("the model is in the repository")
			}
			if !kept && len(files(t, options.Dir)) > 0 {
				t.Errorf("the repository holds %q", files(t, options.Dir))
			}
		})
	}
}

// TestUnreachableAddress checks that a host that was never reached is not retried.
func TestUnreachableAddress(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 1000)
	options := o.options(t)
	o.Close()
	options.Notice = func(text string) { t.Errorf("notice %q", text) }
	_, err := pull.Pull(t.Context(), options)
	wantError(t, err, options.URL, "refused")
}

// TestServerRestarts covers a server that is briefly unreachable after a first response.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, 400_000)
	o.cut = once(100_000)
	options := o.options(t)
	address, tries := o.Listener.Addr().String(), 0
	options.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if tries++; tries == 2 {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		r.URL.Host = address
		return http.DefaultTransport.RoundTrip(r)
	})
	if _, err := pull.Pull(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	pulled(t, options.Dir, o.content)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
