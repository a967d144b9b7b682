package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// flagsAllowed lists the packages whose strings may name a flag of a command line, with
// the reason; "cmd" and "bench" include subdirectories. All others name a setting by its
// setting.Key, also the root: programs that embed the server have options, not flags.
var flagsAllowed = map[string]string{
	"cmd":             "a command line has flags",
	"internal/config": "it declares the flags",
	"internal/app":    "it prints a curl command for the terminal of `tensorwire serve`",
	"bench":           "it starts the binary with flags, and names them in its tables",
}

// flag matches a flag in a string, --max-message-bytes. One dash is not enough: it also
// begins options of other programs, and numbers.
var flag = regexp.MustCompile(`--[a-z][a-z0-9-]*`)

func mayNameFlags(dir string) bool {
	if flagsAllowed[dir] != "" {
		return true
	}
	top, _, _ := strings.Cut(dir, "/")
	return slices.Contains([]string{"cmd", "bench"}, top)
}

// flagIn is a flag in a string of a file.
type flagIn struct {
	at   token.Position
	name string
}

// flagsIn returns the flags in the strings of a file, at their lines.
func flagsIn(t *testing.T, file, source string) []flagIn {
	t.Helper()
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, file, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []flagIn
	ast.Inspect(parsed, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range flag.FindAllStringIndex(text, -1) {
			position := positions.Position(literal.Pos())
			if literal.Value[0] == '`' {
				position.Line += strings.Count(text[:at[0]], "\n")
			}
			found = append(found, flagIn{position, text[at[0]:at[1]]})
		}
		return true
	})
	return found
}

// Libraries know no flags: an error carries a setting.Key, and the command renders it as
// the flag, the environment variable or the key of the file that set it. Texts for clients
// and logs have the plain key.
func TestLibrariesKnowNoFlags(t *testing.T) {
	for _, file := range trackedFiles(t) {
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || mayNameFlags(path.Dir(file)) {
			continue
		}
		source, ok := readFile(t, file)
		if !ok {
			continue
		}
		for _, found := range flagsIn(t, file, source) {
			t.Errorf("%s:%d: a string names the flag %s: name its setting.Key instead", found.at.Filename, found.at.Line, found.name)
		}
	}
}

func TestFlagsAreFoundInStrings(t *testing.T) {
	const source = "package p\n\n" +
		"// A comment may name --models.\n" +
		"const a = \"raise --max-bytes (--sha256)\"\n" +
		"const b = `one\n--two`\n" +
		"const c = \"---\" + \"-x\" + \"a--\" + \"--\" + \"-- a\"\n" +
		"type s struct{ F int `flag:\"--tag\"` }\n"
	var got []string
	for _, found := range flagsIn(t, "p.go", source) {
		got = append(got, strconv.Itoa(found.at.Line)+" "+found.name)
	}
	if want := []string{"4 --max-bytes", "4 --sha256", "6 --two", "8 --tag"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFlagsAreAllowedInFewPackages(t *testing.T) {
	for dir, want := range map[string]bool{
		"cmd": true, "cmd/tensorwire": true, "internal/config": true, "internal/app": true, "bench": true, "bench/grpc": true,
		root: false, "internal": false, "internal/config/x": false, "internal/base/setting": false, "handler/oip": false, "benchmarks": false,
	} {
		if mayNameFlags(dir) != want {
			t.Errorf("%s: allowed is %v, want %v", dir, !want, want)
		}
	}
}
