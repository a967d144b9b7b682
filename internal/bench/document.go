package main

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

// readDocument reads a document and checks that it has a section, and an end for
// each.
func readDocument(path string) ([]byte, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := false
	for _, name := range sectionNames() {
		_, _, has, err := between(document, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		found = found || has
	}
	if !found {
		return nil, fmt.Errorf("%s has no section: put a line "+beginMarker+" and a line "+endMarker+" where its tables go", path, "encodings", "encodings")
	}
	return document, nil
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

// replaceSections returns the document with the text of the reports that it has
// sections for.
func replaceSections(document []byte, reports map[string]*report) ([]byte, error) {
	for name, r := range reports {
		begin, end, found, err := between(document, name)
		if err != nil {
			return nil, err
		}
		if found {
			document = bytes.Join([][]byte{document[:begin], []byte("\n\n" + r.markdown() + "\n"), document[end:]}, nil)
		}
	}
	return document, nil
}

// updateDocument puts the reports into the document at path.
func updateDocument(path string, reports map[string]*report) error {
	document, err := readDocument(path)
	if err != nil {
		return err
	}
	if document, err = replaceSections(document, reports); err != nil {
		return err
	}
	return os.WriteFile(path, document, 0o644)
}
