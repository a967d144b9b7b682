package tokenfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/tensorwire/tensorwire/internal/base/filelock"
)

// fileMode lets only the file's user read the digests.
const fileMode = 0o600

// header begins a new file.
const header = "# Clients of a server. tensorwire token new adds them.\ntokens:\n"

// Lines returns an entry as it is in the list of the file. An error names the field that is wrong.
func (e *Entry) Lines() ([]byte, error) {
	if _, _, err := e.client(); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode([]Entry{*e}); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// Add adds an entry at the end of the file with a name, which it creates where there is none. It
// keeps what the file has, such as comments, and replaces it at once, so that a server reads all of
// it or none. Several processes may call it at once.
func Add(name string, e *Entry) error {
	// A link, as to a shared file, stays a link.
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	lock, err := filelock.Open(name + ".lock")
	if err != nil {
		return fmt.Errorf("another command may be adding an entry: %w", err)
	}
	defer filelock.Close(lock, true) //nolint:errcheck // the system releases it
	content, err := read(name)
	if errors.Is(err, fs.ErrNotExist) {
		content, err = []byte(header), nil
	}
	if err != nil {
		return err
	}
	lines, err := e.Lines()
	if err != nil {
		return err
	}
	if content, err = appended(content, lines); err != nil {
		return err
	}
	return replace(name, content)
}

// appended returns content with lines at its end, checked.
func appended(content, lines []byte) ([]byte, error) {
	former, err := Parse(content)
	if err != nil {
		return nil, err
	}
	if len(former) == 0 && !bytes.HasSuffix(bytes.TrimSpace(content), []byte("tokens:")) {
		content = []byte(header) // an empty list has several forms
	}
	if len(content) > 0 && content[len(content)-1] != '\n' {
		content = append(content, '\n')
	}
	added := append(bytes.Clone(content), lines...)
	entries, err := Parse(added)
	if err != nil && len(former) > 0 {
		// The list may be indented.
		indented := append(bytes.Clone(content), indent(lines)...)
		if again, failed := Parse(indented); failed == nil {
			added, entries, err = indented, again, nil
		}
	}
	if err == nil && len(entries) != len(former)+1 {
		err = errors.New("the list tokens is not at the end of the file: add the entry by hand")
	}
	return added, err
}

func indent(lines []byte) []byte {
	lines = bytes.TrimSuffix(lines, []byte("\n"))
	return append(append([]byte("  "), bytes.ReplaceAll(lines, []byte("\n"), []byte("\n  "))...), '\n')
}

// replace writes a file beside the one with a name, and renames it.
func replace(name string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-*") // with fileMode
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // it is renamed, or useless
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Chmod(temporary.Name(), fileMode); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}
