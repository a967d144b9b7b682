package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const document = `# Performance

<!-- bench:begin encodings -->
old
<!-- bench:end encodings -->

Between.

<!-- bench:begin machine --><!-- bench:end machine -->
`

func TestUpdateReplacesWhatWasMeasured(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	r := &Report{}
	r.Add(Paragraph("new"))
	// Twice: a document that was updated can be updated again.
	for range 2 {
		if err := updateDocument(path, map[string]*Report{"encodings": r, "share": r}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(document, "\nold\n", "\n\nnew\n\n", 1); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDocumentsThatCannotBeUpdated(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# Performance\n": "has no section",
		"<!-- bench:end share --><!-- bench:begin share -->": "section share has no end",
	} {
		path := filepath.Join(t.TempDir(), "performance.md")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkDocument(path, []string{"encodings", "share"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", text, err, want)
		}
	}
}
