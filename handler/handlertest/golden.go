package handlertest

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// Golden compares an answer with a file of testdata/rest, which go test -update writes;
// tensors after its JSON are in hexadecimal.
func (a Answer) Golden(t *testing.T, name string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, a.Status, http.StatusText(a.Status))
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(a.Header[name], ", "))
	}
	text, tensors := a.Split(t)
	fmt.Fprintf(&b, "\n%s\n", text)
	if len(tensors) > 0 {
		fmt.Fprintf(&b, "%x\n", tensors)
	}
	path := filepath.Join("testdata", "rest", strings.ReplaceAll(name, " ", "-")+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil { //nolint:gosec // a file of the source
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./handler/oiprest -update writes it", err)
	}
	if string(want) != b.String() {
		t.Errorf("the answer is\n%s\nand %s has\n%s", b.String(), path, want)
	}
}
