package oiprest_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// documentedPath is how docs/rest.md writes a path with its method.
var documentedPath = regexp.MustCompile("`(GET|POST) (/v2[^`]*)`")

func TestTheDocumentedPathsAreThere(t *testing.T) {
	page, err := os.ReadFile("../../docs/rest.md")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	paths := documentedPath.FindAllStringSubmatch(string(page), -1)
	if len(paths) < 10 {
		t.Errorf("docs/rest.md has %d paths", len(paths))
	}
	for _, found := range paths {
		method, path := found[1], strings.NewReplacer("{model}", "m", "{version}", "1").Replace(found[2])
		if a := handlertest.Send(t, h, method, path, nil); a.Status == http.StatusMethodNotAllowed || strings.Contains(string(a.Body), "docs/rest.md") {
			t.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
	}
}
