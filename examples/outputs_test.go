package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutputsByName runs each call of README.md that names outputs, in a program around it.
func TestOutputsByName(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]string{}
	for _, match := range codeBlock.FindAllStringSubmatch(string(readme), -1) {
		if strings.Contains(match[2], `"logits"`) {
			calls[match[1]] = match[2]
		}
	}
	indent := func(code string) string {
		return "    " + strings.ReplaceAll(strings.TrimSuffix(code, "\n"), "\n", "\n    ") + "\n"
	}
	for language, test := range map[string]struct {
		program, name string
		run           []string
	}{
		"python": {
			program: "import grpc\nimport numpy as np\nfrom predictor import Predictor\n\npredictor = Predictor(\"" + address + "\")\n" +
				"image = open(\"../images/7.png\", \"rb\").read()\nwith grpc.insecure_channel(\"" + address + "\") as channel:\n    stub = predictor.stub(channel)\n" + indent(calls["python"]),
			name: "outputs.py", run: []string{"sh", "-c", "cd python && PYTHONPATH=. exec python $0"},
		},
		"js": {
			program: "import { readFileSync } from \"node:fs\";\nimport { createClient } from \"@connectrpc/connect\";\nimport { createConnectTransport } from \"@connectrpc/connect-web\";\n" +
				"import { Predictor } from \"./gen/es/modelserving/predictor_pb.js\";\n" +
				"const client = createClient(Predictor, createConnectTransport({ baseUrl: \"http://" + address + "\", useBinaryFormat: true }));\n" +
				"const rawImage = readFileSync(\"examples/images/7.png\");\n" + calls["js"],
			name: "outputs.mjs", run: []string{"sh", "-c", "cd .. && esbuild --bundle --format=esm --platform=node --log-level=warning --outfile=$0.bundle.mjs <$0 && exec node $0.bundle.mjs"},
		},
		"go": {
			program: "package main\n\nimport (\n\t\"context\"\n\t\"encoding/binary\"\n\t\"fmt\"\n\t\"net/http\"\n\t\"os\"\n\n\t\"connectrpc.com/connect/v2\"\n\t\"connectrpc.com/connect/v2/connecthttp\"\n" +
				"\t\"github.com/tensorwire/tensorwire/gen/modelserving\"\n\t\"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect\"\n)\n\n" +
				"func main() {\n\tctx := context.Background()\n\tclient := modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(http.DefaultClient, \"http://" + address + "\")))\n" +
				"\timage, err := os.ReadFile(\"images/7.png\")\n" + calls["go"] + "}\n",
			name: "main.go", run: []string{"sh", "-c", "exec go run $0"},
		},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			if calls[language] == "" {
				t.Fatal("README.md has no such call")
			}
			file := filepath.Join(t.TempDir(), test.name)
			if err := os.WriteFile(file, []byte(test.program), 0o600); err != nil {
				t.Fatal(err)
			}
			out := run(t, append(test.run, file)...)
			if !strings.Contains(out, "logits") || !strings.Contains(out, "10.957") {
				t.Errorf("printed\n%s", out)
			}
		})
	}
}
