package report

import (
	"bytes"
	"fmt"
	"os"
)

// Markers around a section's tables in a document, by its name.
const (
	beginMarker = "<!-- bench:begin %s -->"
	endMarker   = "<!-- bench:end %s -->"
)

// checkDocument checks that a document has one of the sections that are named, and an
// end for each.
func checkDocument(path string, names []string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	found := false
	for _, name := range names {
		_, _, has, err := between(document, name)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		found = found || has
	}
	if !found {
		return fmt.Errorf("%s has no section: put a line "+beginMarker+" and a line "+endMarker+" where its tables go", path, names[0], names[0])
	}
	return nil
}

// between returns where the text of a section begins and ends in a document.
func between(document []byte, name string) (begin, end int, found bool, err error) {
	marker := []byte(fmt.Sprintf(beginMarker, name))
	at := bytes.Index(document, marker)
	if at < 0 {
		return 0, 0, false, nil
	}
	begin = at + len(marker)
	length := bytes.Index(document[begin:], []byte(fmt.Sprintf(endMarker, name)))
	if length < 0 {
		return 0, 0, false, fmt.Errorf("section %s has no end: "+endMarker+" is missing", name, name)
	}
	return begin, begin + length, true, nil
}

// updateDocument puts the reports into the sections that the document at path has for
// them.
func updateDocument(path string, reports map[string]*Report) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for name, r := range reports {
		begin, end, found, err := between(document, name)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if found {
			document = bytes.Join([][]byte{document[:begin], []byte("\n\n" + r.Markdown() + "\n"), document[end:]}, nil)
		}
	}
	return os.WriteFile(path, document, 0o644)
}
