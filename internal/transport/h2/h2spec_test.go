package h2_test

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// allowedToFail are the h2spec cases outside this server: net/http reads a connection's
// first line and answers an invalid preface in HTTP/1.
var allowedToFail = map[bool][]string{
	false: {"http2/3.5: Sends invalid connection preface"},
	true:  nil,
}

// TestH2Spec runs h2spec (make h2spec).
func TestH2Spec(t *testing.T) {
	tool := os.Getenv("H2SPEC")
	if tool == "" {
		t.Skip("H2SPEC is not set: run make h2spec")
	}
	overH2CAndTLS(t, func(t *testing.T, secure bool) {
		// The case of an oversized frame (4.2, 3) assumes the smallest limit.
		s := serve(t, secure, h2.Options{MaxFrameSize: 16 << 10}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "longer than the smallest windows under test")
		})
		at, err := url.Parse(s.url)
		if err != nil {
			t.Fatal(err)
		}
		report := filepath.Join(t.TempDir(), "report.xml")
		args := []string{"--host", at.Hostname(), "--port", at.Port(), "--timeout", "5", "--junit-report", report}
		if secure {
			args = append(args, "--tls", "--insecure")
		}
		out, _ := exec.CommandContext(t.Context(), tool, args...).CombinedOutput() // it fails if a case fails
		passed, failed := readReport(t, report)
		if want := allowedToFail[secure]; !slices.Equal(failed, want) {
			t.Errorf("failed cases:\n%s\nwant:\n%s\n%s", strings.Join(failed, "\n"), strings.Join(want, "\n"), out)
		}
		if passed+len(failed) < 145 {
			t.Errorf("%d cases ran, want at least 145", passed+len(failed))
		}
		t.Logf("%d pass, %d fail", passed, len(failed))
	})
}

// readReport returns the number of passed cases in a JUnit report and the names of the
// others.
func readReport(t *testing.T, path string) (passed int, failed []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Package string    `xml:"package,attr"`
				Name    string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, suite := range report.Suites {
		for _, c := range suite.Cases {
			if c.Failure != nil || c.Error != nil || c.Skipped != nil {
				names[c.Package+": "+c.Name] = true
			} else {
				passed++
			}
		}
	}
	return passed, slices.Sorted(maps.Keys(names))
}
