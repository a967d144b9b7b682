package onnx_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// signature matches the name of a function with its parameters (__PRETTY_FUNCTION__),
// condition what a failed check prints.
var (
	signature = regexp.MustCompile(`^[a-zA-Z][^\n"%']* [^\n"%']*\([^\n"%']*onnxruntime::[^\n"%']*(\)|\]|const|>)$|^[a-zA-Z][^\n"%'(]* onnxruntime::[^\n"%' (]+\([^\n"%']*(\)|\]|const|>)$`)
	condition = regexp.MustCompile(` (==|<=|>=|<|>|!=|&&|\|\|) `)
)

// functions returns what the runtime's library contains as names of functions, as its
// messages have them.
func functions(t *testing.T) []string {
	t.Helper()
	path, err := onnxtest.Library()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for text := range bytes.SplitSeq(content, []byte{0}) {
		if !bytes.Contains(text, []byte("onnxruntime::")) {
			continue
		}
		s := string(text)
		if signature.MatchString(s) && !condition.MatchString(s) {
			found = append(found, s)
		}
	}
	return found
}

// No function of the runtime remains in a message, and all of the reason does.
func TestNoFunctionRemains(t *testing.T) {
	found := functions(t)
	if len(found) < 1000 {
		t.Fatalf("the library has %d functions", len(found))
	}
	for _, f := range found {
		for _, location := range []string{"/onnxruntime_src/onnxruntime/core/a.cc:12 ", `D:\a\_work\1\s\onnxruntime\core\a.h:12 `, "a.cc:7 "} {
			for _, reason := range []string{"The reason remains.", "axis is wrong (axis=3)", "axis == 1 was false. Not supported."} {
				if got := onnx.WithoutLocations("It failed:" + location + f + " " + reason); got != "It failed:"+reason {
					t.Errorf("%s\nleaves %s", f, got)
				}
			}
		}
	}
}
