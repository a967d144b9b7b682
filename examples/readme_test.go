package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// frontPage is the project's README.
func frontPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

var codeBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// block returns the code of a language in the README that contains text, with the
// address of the server under test.
func block(t *testing.T, language, text string) string {
	t.Helper()
	for _, match := range codeBlock.FindAllStringSubmatch(frontPage(t), -1) {
		if match[1] == language && strings.Contains(match[2], text) {
			if lines := strings.Count(match[2], "\n"); lines > 7 {
				t.Errorf("%d lines, want at most 7:\n%s", lines, match[2])
			}
			return strings.ReplaceAll(match[2], "localhost:8080", address)
		}
	}
	t.Fatalf("the README has no %s code with %q", language, text)
	return ""
}

func TestFrontPageIsShort(t *testing.T) {
	t.Parallel()
	page := frontPage(t)
	if lines := strings.Count(page, "\n"); lines > 150 || len(page) > 8000 {
		t.Errorf("README.md has %d lines and %d bytes, want at most 150 and 8000", lines, len(page))
	}
}

// TestFrontPageCalls runs each call of the README as it is shown. The image is a seven.
func TestFrontPageCalls(t *testing.T) {
	t.Parallel()
	shell := func(t *testing.T, code, dir string) string {
		cmd := command(t, "bash", "-euo", "pipefail", "-c", code)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	file := func(t *testing.T, name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, call := range map[string]struct {
		run  func(t *testing.T) string
		want string
	}{
		"curl": {
			run:  func(t *testing.T) string { return shell(t, block(t, "sh", "curl --data-binary"), root) },
			want: `:7:7"`,
		},
		"grpcurl": {
			run:  func(t *testing.T) string { return shell(t, block(t, "sh", "grpcurl -plaintext"), root) },
			want: `"label": "7"`,
		},
		"Python": {
			run: func(t *testing.T) string {
				return shell(t, "python - <<'CODE'\n"+block(t, "python", "FastPredict")+"CODE\n", "python")
			},
			want: `label: "7"`,
		},
		"Go": {
			run: func(t *testing.T) string {
				program := "package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"net/http\"\n\t\"os\"\n\n" +
					"\t\"connectrpc.com/connect/v2\"\n\t\"connectrpc.com/connect/v2/connecthttp\"\n" +
					"\t\"github.com/tensorwire/tensorwire/gen/modelserving\"\n" +
					"\t\"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect\"\n)\n\n" +
					"func main() {\n\tctx := context.Background()\n" + block(t, "go", "NewPredictorClient") +
					"\tfmt.Println(response.GetClassifications()[0].GetLabel(), err)\n}\n"
				return shell(t, "go run "+file(t, "main.go", program), root)
			},
			want: "7 <nil>",
		},
		"TypeScript": {
			run: func(t *testing.T) string {
				program := `import { readFileSync } from "node:fs";` + "\n" +
					`const file = new Blob([readFileSync("examples/images/7.png")]);` + "\n" +
					block(t, "ts", "connect-web") + "console.log(`label ${classifications[0].label}`);\n"
				bundle := filepath.Join(t.TempDir(), "call.mjs")
				return shell(t, "esbuild --bundle --format=esm --platform=node --loader=ts --log-level=warning --outfile="+bundle+" <"+file(t, "call.ts", program)+" && node "+bundle, root)
			},
			want: "label 7\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out := call.run(t); !strings.Contains(out, call.want) {
				t.Errorf("printed no %q:\n%s", call.want, out)
			}
		})
	}
}
