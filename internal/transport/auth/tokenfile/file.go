package tokenfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

const (
	// maxFile bounds the file, in bytes.
	maxFile = 1 << 20
	// maxName bounds the name of a client, in bytes.
	maxName = 100
)

// Entry is a client in the file. Its permissions are explicit: without Models or Actions the
// file is not valid.
type Entry struct {
	Name    string    `yaml:"name"`
	SHA256  string    `yaml:"sha256"`
	Models  []string  `yaml:"models,flow"`
	Actions []string  `yaml:"actions,flow"`
	Expires time.Time `yaml:"expires,omitempty"`
}

type file struct {
	Tokens []Entry `yaml:"tokens"`
}

// Parse returns the entries of a file, checked. Errors name the entry and the field.
func Parse(content []byte) ([]Entry, error) {
	if len(content) > maxFile {
		return nil, fmt.Errorf("the file has more than %d bytes: remove expired tokens", maxFile)
	}
	var parsed file
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&parsed); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if decoder.Decode(new(any)) != io.EOF { //nolint:errorlint // io.EOF is returned as it is
		return nil, errors.New("the file has more than one YAML document: give one")
	}
	return parsed.Tokens, checkAll(parsed.Tokens)
}

func checkAll(entries []Entry) error {
	names, digests := map[string]bool{}, map[Digest]string{}
	for i := range entries {
		e := &entries[i]
		client, digest, err := e.client()
		switch {
		case err != nil:
			return fmt.Errorf("token %d (%.100q): %w", i+1, e.Name, err)
		case names[client.Name]:
			return fmt.Errorf("token %d: there is another with the name %q: names are unique", i+1, e.Name)
		case digests[digest] != "":
			return fmt.Errorf("token %d (%q): it has the sha256 of %q: create another token", i+1, e.Name, digests[digest])
		}
		names[client.Name], digests[digest] = true, client.Name
	}
	return nil
}

// client returns the client of an entry.
func (e *Entry) client() (*permission.Client, Digest, error) {
	if err := checkName(e.Name); err != nil {
		return nil, Digest{}, err
	}
	digest, err := parseDigest(e.SHA256)
	if err != nil {
		return nil, digest, err
	}
	client := &permission.Client{Name: e.Name, Models: e.Models, Expires: e.Expires}
	if len(e.Models) == 0 {
		return nil, digest, errors.New(`models is empty: give names, patterns, or "*" for all`)
	}
	if len(e.Actions) == 0 {
		return nil, digest, errors.New("actions is empty: give infer, read or admin")
	}
	for _, pattern := range e.Models {
		if err := permission.CheckPattern(pattern); err != nil {
			return nil, digest, err
		}
	}
	for _, name := range e.Actions {
		action, err := permission.ParseAction(name)
		if err != nil {
			return nil, digest, err
		}
		client.Actions = append(client.Actions, action)
	}
	return client, digest, nil
}

// checkName reports a name that does not fit into a log line or a header.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name has %d bytes: give 1 to %d", len(name), maxName)
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\' {
			return fmt.Errorf("name has the byte %q: give letters, digits and punctuation without spaces", name[i])
		}
	}
	return nil
}

// read returns the content of a file, and of larger ones the beginning, which Parse rejects.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Read returns the entries of the file with a name.
func Read(name string) ([]Entry, error) {
	content, err := read(name)
	if err != nil {
		return nil, err
	}
	return Parse(content)
}
