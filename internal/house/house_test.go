// Package house_test holds the house to its plan: which package may import which,
// and that each says what it is for.
package house_test

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

// allowed lists the packages of the house that each may import. A package that is
// missing here fails the test: whoever adds a room says where its doors are.
var allowed = map[string][]string{
	"internal/tensor":                      nil,
	"internal/tensorjson":                  {"internal/tensor"},
	"internal/vision":                      nil,
	"internal/observe":                     nil,
	"web":                                  nil,
	"gen/modelserving":                     nil,
	"gen/modelserving/modelservingconnect": {"gen/modelserving"},
	"gen/inference":                        nil,
	"gen/inference/inferenceconnect":       {"gen/inference"},
	"internal/engine":                      {"internal/tensor"},
	"internal/engine/onnx":                 {"internal/bufpool", "internal/engine", "internal/engine/onnx/ort", "internal/tensor"},
	"internal/engine/onnx/ort":             {"internal/bufpool", "internal/tensor"},
	"internal/engine/onnx/onnxtest":        nil,
	"internal/engine/enginetest":           {"internal/engine", "internal/tensor"},
	"internal/scheduler":                   {"internal/engine", "internal/tensor"},
	"internal/respcache":                   {"internal/engine", "internal/tensor"},
	// Triton's ModelConfig, as read from its text.
	"internal/modelconfig": {"gen/inference", "internal/engine", "internal/tensor"},
	"internal/repository":  {"gen/inference", "internal/engine", "internal/modelconfig", "internal/observe"},
	"internal/pull":        nil,
	"internal/sharedmem":   nil,
	// The form of "not now", and the bytes that are held: leaves, for every transport.
	"internal/retry":      nil,
	"internal/budget":     nil,
	"internal/bufpool":    nil,
	"internal/h2":         {"internal/bufpool"},
	"internal/rpc":        {"internal/budget", "internal/bufpool"},
	"internal/server":     {"internal/budget", "internal/h2", "internal/observe", "internal/retry", "internal/rpc"},
	"internal/digitstest": nil,
	// The handlers map the errors of the packages below them to codes, read the
	// repository's snapshots, and write models' configurations as JSON.
	"handler": {
		"gen/modelserving", "gen/modelserving/modelservingconnect", "gen/inference", "gen/inference/inferenceconnect",
		"internal/budget", "internal/engine", "internal/modelconfig", "internal/observe", "internal/repository", "internal/retry", "internal/scheduler", "internal/sharedmem", "internal/tensor", "internal/tensorjson", "internal/vision",
	},
	// The configuration knows the defaults of the packages that it sets.
	"internal/config": {"handler", "internal/repository", "internal/respcache", "internal/scheduler", "internal/server", "internal/vision"},
}

// everything marks the packages that wire the others.
var everything = []string{"cmd/tensorwire", "internal/bench", "examples"}

// onlyIn lists imports from outside that have one home, with the reason.
var onlyIn = map[string]string{
	"golang.org/x/net/http2": "internal/server", // one place decides who serves HTTP/2
	"github.com/rs/cors":     "internal/server", // one place decides which pages may call
	"connectrpc.com/connect": "internal/server", // connect's first version, for gRPC health alone
}

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports", module+"...").Output()
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

func TestImportsGoDown(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		wires := slices.ContainsFunc(everything, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		doors, known := allowed[name]
		if !known && !wires && len(p.Imports) > 0 {
			t.Errorf("%s is not in the plan: add it to allowed", name)
			continue
		}
		for _, imported := range p.Imports {
			if home, ok := onlyIn[imported]; ok && home != name && !wires {
				t.Errorf("%s imports %s, which belongs in %s alone", name, imported, home)
			}
			own, ok := strings.CutPrefix(imported, module)
			if ok && !wires && !slices.Contains(doors, own) {
				t.Errorf("%s imports %s, which the plan does not allow", name, own)
			}
		}
	}
}

// What C does wrong ends the process: there is one place to look for it.
func TestCgoHasOneHome(t *testing.T) {
	const home = module + "internal/engine/onnx/ort"
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "C") && p.ImportPath != home {
			t.Errorf("%s uses cgo, which belongs in %s alone", p.ImportPath, home)
		}
	}
}

func TestTensorIsALeaf(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"internal/tensor" {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(imported, ".") {
				t.Errorf("internal/tensor imports %s: it uses the standard library alone", imported)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && !strings.Contains(p.ImportPath, "/gen/") && len(p.Imports) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
