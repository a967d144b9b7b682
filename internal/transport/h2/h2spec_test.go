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

// allowedToFail are the cases of h2spec that do not concern this server: net/http
// reads a connection's first line, and answers a bad preface in HTTP/1.
var allowedToFail = map[bool][]string{
	false: {"http2/3.5: Sends invalid connection preface"},
	true:  nil,
}

// h2spec, as make h2spec runs it.
func TestH2Spec(t *testing.T) {
	tool := os.Getenv("H2SPEC")
	if tool == "" {
		t.Skip("make h2spec runs it")
	}
	both(t, func(t *testing.T, secure bool) {
		// The case of a frame that is too large (4.2, 3) makes one for the smallest limit
		// alone.
		s := serve(t, secure, h2.Options{MaxFrameSize: 16 << 10}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "more than the few bytes of a window that shrinks")
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
		out, _ := exec.CommandContext(t.Context(), tool, args...).CombinedOutput() // it fails where a case fails
		passed, failed := readReport(t, report)
		if want := allowedToFail[secure]; !slices.Equal(failed, want) {
			t.Errorf("these fail:\n%s\nnot these:\n%s\n%s", strings.Join(failed, "\n"), strings.Join(want, "\n"), out)
		}
		if passed+len(failed) < 145 {
			t.Errorf("%d cases ran", passed+len(failed))
		}
		t.Logf("%d pass, %d fail", passed, len(failed))
	})
}

// readReport returns how many cases of a JUnit report passed, and the names of those
// that did not.
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
