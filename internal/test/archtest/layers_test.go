package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// forbidden lists imports that a directory must not have, with the reason. Both sides
// include subdirectories. A transitive rule also holds for the imports of imports.
var forbidden = []struct {
	from, imports string
	except        []string // packages of from
	transitive    bool
	because       string
}{
	{from: "handler", imports: module + "internal/engine/onnx", because: "an API is independent of the engine"},
	{from: "handler", imports: module + "internal/sched", except: []string{"handler/apierr"}, because: "the Runner schedules; apierr maps the scheduler's errors"},
	{from: "handler/apierr", imports: module + "internal/sched/respcache", because: "the composition root decorates sessions"},
	{from: "internal/infer", imports: module + "gen/modelserving", because: "the core is independent of protocols"},
	{from: "internal/infer", imports: "connectrpc.com/connect", transitive: true, because: "the core is independent of protocols"},
	{from: "internal/infer", imports: "net/http", transitive: true, because: "the core is independent of protocols"},
	{from: "internal/infer", imports: module + "internal/engine/onnx", because: "the core runs any engine.Session"},
	{from: "internal/engine/worker", imports: module + "internal/engine/onnx", because: "a worker is given its engine, and the server's side runs no native code"},
	{from: "internal/imageinput", imports: module + "internal/infer", because: "a conversion runs no model"},
	{from: "internal/imageinput", imports: module + "internal/sched", because: "a conversion runs no model"},
	{from: "internal/models/repository", imports: module + "internal/sched", because: "the repository opens sessions, and the composition root decorates them"},
}

// within reports whether a package is dir or below it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// forTests reports whether a package only serves tests.
func forTests(name string) bool {
	return strings.HasSuffix(name, "test") || within(name, "internal/test")
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, rule := range forbidden {
			if !within(name, rule.from) || slices.Contains(rule.except, name) || forTests(name) {
				continue
			}
			imports := p.Imports
			if rule.transitive {
				imports = p.Deps
			}
			for _, imported := range imports {
				if within(imported, rule.imports) {
					t.Errorf("%s imports %s: %s", name, imported, rule.because)
				}
			}
		}
	}
}

// An API is one package, and APIs share no more than options, errors and the management
// service: the next protocol does not depend on those before it.
func TestAPIsAreIndependent(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if !within(name, "handler") || forTests(name) {
			continue
		}
		for _, imported := range p.Imports {
			other := strings.TrimPrefix(imported, module)
			if within(other, "handler") && other != "handler" && other != "handler/apierr" && (other != "handler/admin" || name == "handler/apierr") {
				t.Errorf("%s imports %s: a package of handler/ imports handler, apierr and admin only", name, other)
			}
		}
	}
}

// Code that only serves tests stays out of the product.
func TestTestPackagesAreForTests(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			if other, ok := strings.CutPrefix(imported, module); ok && forTests(other) && !forTests(name) {
				t.Errorf("%s imports %s, which is for tests", name, other)
			}
		}
	}
}

// A handler translates, and the Runner runs models: it alone records the statistics and
// bounds the deadline.
func TestHandlersRunNoModel(t *testing.T) {
	files, err := filepath.Glob("../../../handler/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || forTests(filepath.Base(filepath.Dir(name))) {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok && selector.Sel.Name == "Session" {
				t.Errorf("%v: a handler uses the session of a lease: give the request to infer.Runner", positions.Position(selector.Pos()))
			}
			return true
		})
	}
}
