package handler_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// Errors send callers to docs/rest.md: its paths are there, by the methods that it
// says.
func TestRESTHasThePathsOfItsDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/rest.md")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.FP32, -1)}, handler.InferenceOptions{}, handler.RESTOptions{})
	names := strings.NewReplacer("{model}", "m", "{version}", "1", "{region}", "r")
	rows := regexp.MustCompile(`(?m)^\| ((?:GET|POST)[A-Z, ]*) \| (.*?) \|`).FindAllStringSubmatch(string(text), -1)
	if len(rows) < 10 {
		t.Fatalf("there are %d rows", len(rows))
	}
	for _, row := range rows {
		for _, path := range regexp.MustCompile("/v2[^`]*").FindAllString(row[2], -1) {
			a := ask(t, h, http.MethodDelete, names.Replace(path), nil)
			if allow := strings.ReplaceAll(a.header.Get("Allow"), "GET, HEAD", "GET"); allow != row[1] {
				t.Errorf("%s takes %q, and its documentation says %q: %s", path, allow, row[1], a.body)
			}
		}
	}
}
