// Package archtest_test enforces the architecture: the direction of imports, the home
// of some dependencies, and a package comment on every package.
package archtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tensorwire/tensorwire/"

// root names the package at the module's root.
const root = "."

// moduleDir is the module's directory, from the directory of this package.
const moduleDir = "../../.."

// layers lists the directories of the module from top to bottom. A package imports
// packages of its own layer and of the layers below, never of a layer above. A new
// directory needs a line here.
var layers = []string{
	// Programs and tests of the whole product.
	"examples", "internal/test", "cmd",
	// The server embedded in another program: the module's root.
	root,
	// The composition root, and the settings that only it reads.
	"internal/app", "internal/config",
	// Translators between a protocol and the core.
	"handler", "web",
	// The protocol-neutral core: a request's way to a model and back.
	"internal/infer", "internal/imageinput",
	"internal/models",
	"internal/sched",
	"internal/engine",
	"internal/load",
	"internal/transport",
	"internal/telemetry",
	// Leaves without knowledge of the server.
	"internal/base",
	// Contracts and their generated code.
	"gen",
}

// leaves import no package of the module outside their own layer, and these only.
var leaves = map[string][]string{
	"internal/base/bytesize":     nil,
	"internal/base/callctx":      nil,
	"internal/base/children":     nil,
	"internal/base/filelock":     nil,
	"internal/base/modelformat":  nil,
	"internal/base/setting":      nil,
	"internal/base/tensor":       nil,
	"internal/base/vision":       {"internal/base/setting"},
	"internal/base/sharedmem":    nil,
	"internal/base/tensorjson":   {"internal/base/tensor"},
	"internal/transport/bufpool": nil,
	"internal/telemetry":         nil, // every layer may use it
	// The HTTP/2 server is independent of RPC and of the rest of the server. It logs panics.
	"internal/transport/h2": {"internal/transport/bufpool", "internal/transport/wire/envelope", "internal/telemetry"},
	// Framing only, so that the HTTP/2 server may use it.
	"internal/transport/wire/envelope": nil,
	// A download needs no server. The name of a model's file is its platform's.
	"internal/models/pull": {"internal/base/filelock", "internal/base/modelformat", "internal/base/setting", "internal/engine"},
	// The load generator has no part of the server that it measures, except framing.
	"internal/load": {"internal/transport/wire/envelope"},
	// Header names and content codings, which exist once.
	"web": {"internal/transport/wire"},
}

// onlyIn lists imports from outside with the packages that may have them, and the reason.
var onlyIn = map[string][]string{
	// One place decides who serves HTTP/2; the load generator reads and writes frames.
	"golang.org/x/net/http2": {"internal/transport/server", "internal/load"},
	"github.com/rs/cors":     {"internal/transport/server"}, // one place decides which pages may call
	"connectrpc.com/connect": nil,                           // connect's first version: there is one RPC library
}

// onlyBy lists packages that only some others import, with the reason.
var onlyBy = map[string][]string{
	// Libraries know no settings: only what composes the server reads them.
	"internal/config": {"cmd/tensorwire", root, "internal/app"},
	// The server is composed once.
	"internal/app": {"cmd/tensorwire", root},
}

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string // Imports, and those of imports
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports,Deps", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// name returns an import path without the module, and whether the module has it.
func name(path string) (string, bool) {
	if path+"/" == module {
		return root, true
	}
	return strings.CutPrefix(path, module)
}

// layer returns the index of the layer that a package, named without the module,
// belongs to; -1 where it has none.
func layer(name string) int {
	for i, dir := range layers {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return i
		}
	}
	return -1
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		importer, _ := name(p.ImportPath)
		own := layer(importer)
		if own < 0 && len(p.Imports) > 0 {
			t.Errorf("%s has no layer: add its directory to layers", importer)
			continue
		}
		only, leaf := leaves[importer]
		for _, imported := range p.Imports {
			if homes, ok := onlyIn[imported]; ok && !slices.Contains(homes, importer) {
				t.Errorf("%s imports %s, which only %v may import", importer, imported, homes)
			}
			dependency, ok := name(imported)
			importers, restricted := onlyBy[dependency]
			switch {
			case !ok:
			case layer(dependency) < own:
				t.Errorf("%s (layer %s) imports %s (layer %s): imports point down only", importer, layers[own], dependency, layers[layer(dependency)])
			case leaf && !slices.Contains(only, dependency):
				t.Errorf("%s imports %s: it is a leaf and may import only %v", importer, dependency, only)
			case restricted && !slices.Contains(importers, importer):
				t.Errorf("%s imports %s, which only %v may import", importer, dependency, importers)
			}
		}
	}
}

// A fault in C code ends the process: cgo has one home.
func TestCgoHasOneHome(t *testing.T) {
	const home = module + "internal/engine/onnx/ort"
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "C") && p.ImportPath != home {
			t.Errorf("%s uses cgo, which only %s may do", p.ImportPath, home)
		}
	}
}

func TestTensorIsALeaf(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"internal/base/tensor" {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(imported, ".") {
				t.Errorf("internal/base/tensor imports %s: it uses the standard library only", imported)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && !strings.Contains(p.ImportPath, "/gen/") && len(p.Imports) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
