package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// entry is a setting in the file.
type entry struct {
	file   string
	line   int
	values []string // one, unless the setting is a list
}

func (e entry) position() string { return fmt.Sprintf("%s:%d", e.file, e.line) }

// apply sets the flag of the entry's setting.
func (e entry) apply(f *pflag.Flag) error {
	for _, text := range e.values {
		if err := f.Value.Set(text); err != nil {
			return Usagef("%s: %s is %q: %w", e.position(), f.Name, text, err)
		}
	}
	return nil
}

// check reports a value that is wrong although the flag accepts it.
func (e entry) check(f *pflag.Flag) error {
	check := f.Value.(*value).check
	if check == nil {
		return nil
	}
	for _, text := range e.values {
		if err := check(text); err != nil {
			return Usagef("%s: %s is %q: %w", e.position(), f.Name, text, err)
		}
	}
	return nil
}

// readFile returns the settings of a YAML file. Every key is checked, also one that a
// flag or the environment overrides.
func readFile(name string) (map[setting.Key]entry, error) {
	content, err := readRegular(name)
	if err != nil {
		return nil, Usagef("%s: %w", FileKey, err)
	}
	return parseFile(name, content)
}

// maxFileBytes bounds the file: every setting takes far less.
const maxFileBytes = 1 << 20

// readRegular reads a regular file. A read of a named pipe or a device need not end, and
// signals cannot interrupt it.
func readRegular(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: give the path of a YAML file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(content) > maxFileBytes {
		err = fmt.Errorf("%s has more than %d bytes, which is the maximum", name, maxFileBytes)
	}
	return content, err
}

func parseFile(name string, content []byte) (map[setting.Key]entry, error) {
	root, err := parseYAML(name, content)
	if err != nil || root == nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, Usagef("%s:%d: found %s, accepted are lines of the form key: value", name, root.Line, describe(root))
	}
	entries := map[setting.Key]entry{}
	known := New() // receives each value, to check it
	var errs []error
	for i := 0; i < len(root.Content); i += 2 {
		key, node := root.Content[i], root.Content[i+1]
		e := entry{file: name, line: key.Line}
		former, twice := entries[setting.Key(key.Value)]
		f := known.Lookup(setting.Key(key.Value))
		switch {
		case key.Kind != yaml.ScalarNode:
			errs = append(errs, Usagef("%s: found %s as a key, accepted is the name of a setting", e.position(), describe(key)))
		case f == nil:
			errs = append(errs, Usagef("%s: unknown setting %q%s", e.position(), key.Value, known.suggest(key.Value)))
		case f.Name == string(FileKey):
			errs = append(errs, Usagef("%s: %s cannot be set in a file: give %s or %s", e.position(), string(FileKey), FileKey, EnvName(FileKey)))
		case twice:
			errs = append(errs, Usagef("%s: %s is set twice, first at line %d", e.position(), f.Name, former.line))
		default:
			if e.values, err = texts(node, f.Value.(*value).kind); err != nil {
				errs = append(errs, Usagef("%s: %s: %w", e.position(), f.Name, err))
				continue
			}
			errs = append(errs, e.apply(f), e.check(f))
			entries[setting.Key(f.Name)] = e
		}
	}
	return entries, errors.Join(errs...)
}

// suggest returns the end of a sentence that names the known setting nearest to name.
func (s *Settings) suggest(name string) string {
	var names []string
	s.visit(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := Nearest(name, names); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; see tensorwire serve --help for the settings"
}

// yamlPosition is the line in the errors of the YAML package.
var yamlPosition = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parseYAML returns the root of the only document, or nil where that is empty.
func parseYAML(name string, content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil // empty, or comments alone
	}
	if err == nil {
		if again := decoder.Decode(&second); again == nil {
			return nil, Usagef("%s:%d: a second document begins, one is accepted", name, second.Line)
		} else if !errors.Is(again, io.EOF) {
			err = again
		}
	}
	if err != nil {
		position, text := name, err.Error()
		if match := yamlPosition.FindStringSubmatch(text); match != nil {
			text = text[len(match[0]):]
			if match[1] != "" {
				position += ":" + match[1]
			}
		}
		return nil, Usagef("%s: not YAML: %s", position, text)
	}
	root := resolve(document.Content[0])
	if root.ShortTag() == "!!null" {
		return nil, nil
	}
	return root, nil
}

// resolve returns the node that an alias refers to.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// texts returns the values of a node as a flag's texts.
func texts(node *yaml.Node, k kind) ([]string, error) {
	node = resolve(node)
	nodes := []*yaml.Node{node}
	if k.list && (!k.single || node.Kind != yaml.ScalarNode) {
		if node.Kind != yaml.SequenceNode {
			return nil, fmt.Errorf("found %s, accepted is %s", describe(node), k.accepts)
		}
		nodes = node.Content
	}
	var values []string
	for _, n := range nodes {
		n = resolve(n)
		if n.Kind != yaml.ScalarNode || !slices.Contains(k.tags, n.ShortTag()) {
			return nil, fmt.Errorf("found %s, accepted is %s", describe(n), k.accepts)
		}
		values = append(values, n.Value)
	}
	return values, nil
}

// describe returns a node's type and value for an error.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	case yaml.AliasNode:
		return "the alias *" + n.Value
	}
	names := map[string]string{
		tagString: "the string", tagInt: "the number", tagFloat: "the number", tagBool: "the boolean", "!!timestamp": "the date",
	}
	if name := names[n.ShortTag()]; name != "" {
		return fmt.Sprintf("%s %s", name, strings.TrimSpace(n.Value))
	}
	return "no value"
}
