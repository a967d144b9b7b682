// Package examples_test runs every example with the real server, and compares the
// results.
package examples_test

import (
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/test/digitstest"
)

// tolerance is the allowed difference of scores: the examples print six decimals, and
// any two must agree to five.
const tolerance = 5e-6

// result is the best class of an image.
type result struct {
	label string
	score float64
}

// client is an example that classifies the image on its command line.
type client struct {
	name  string
	args  func(image string) []string
	parse func(out string) (result, error)
}

var clients = []client{
	{"curl with JSON", script("curl/classify-json.sh"), parseJSON},
	{"curl with Protobuf", script("curl/classify-proto.sh"), parseProto},
	{"grpcurl", script("grpcurl/classify.sh"), parseJSON},
	{"Python", program("python", "python/classify.py"), parseLine},
	{"Python with asyncio", program("python", "python/many.py"), parseLine},
	{"Node.js over Connect", program("node", "javascript/classify.mjs"), parseLine},
	{"Node.js over gRPC", program("node", "javascript/classify.mjs", "--protocol", "grpc"), parseLine},
	{"Node.js over gRPC-Web", program("node", "javascript/classify.mjs", "--protocol", "grpcweb"), parseLine},
	{"Go over Connect", goProgram("classify"), parseLine},
	{"Go over gRPC", goProgram("classify", "--protocol", "grpc"), parseLine},
	{"Go over gRPC-Web", goProgram("classify", "--protocol", "grpcweb"), parseLine},
}

// streams are the examples that send all images on their command lines.
var streams = []struct {
	name string
	args func(image string) []string
}{
	{"Python", program("python", "python/stream.py")},
	{"Node.js", program("node", "javascript/stream.mjs")},
	{"Go", goProgram("stream")},
}

func script(file string) func(string) []string {
	return func(image string) []string { return []string{"sh", file, image, address} }
}

func program(args ...string) func(string) []string {
	return func(image string) []string { return slices.Concat(args, []string{"--address", address, image}) }
}

func goProgram(name string, flags ...string) func(string) []string {
	return func(image string) []string {
		return program(append([]string{filepath.Join(goBin, name)}, flags...)...)(image)
	}
}

func TestEveryClientReturnsTheSameResult(t *testing.T) {
	t.Parallel()
	for _, digit := range []int{0, 4, 7} {
		image := digitFile(t, digit)
		want := reference(t, image)
		if want.label != strconv.Itoa(digit) {
			t.Fatalf("the server classifies the digit %d as %q", digit, want.label)
		}
		for _, c := range clients {
			t.Run(fmt.Sprintf("%s/%d", c.name, digit), func(t *testing.T) {
				t.Parallel()
				got, err := c.parse(run(t, c.args(image)...))
				if err != nil {
					t.Fatal(err)
				}
				check(t, got, want)
			})
		}
	}
}

func TestEveryClientReportsErrors(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, c.args("README.md")...).CombinedOutput()
			if err == nil {
				t.Error("no error for a file that is not an image")
			}
			// Clients spell the code differently, for example INVALID_ARGUMENT.
			if text := strings.ToLower(strings.ReplaceAll(string(out), "_", "")); !strings.Contains(text, "invalidargument") {
				t.Errorf("the output does not contain invalid_argument: %s", out)
			}
		})
	}
}

func TestEveryStreamRespondsInOrder(t *testing.T) {
	t.Parallel()
	var frames, want []string
	for _, digit := range []int{3, 1, 4, 1, 5, 9, 2, 6, 5, 3} {
		image := digitFile(t, digit)
		best := reference(t, image)
		frames = append(frames, image)
		want = append(want, fmt.Sprintf("%s: %s %.6f", filepath.Base(image), best.label, best.score))
	}
	const bad = 4
	frames = slices.Insert(frames, bad, "README.md")
	want = slices.Insert(want, bad, "README.md: invalid_argument: ")

	for _, s := range streams {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			args := s.args(frames[0])
			got := lines(run(t, append(args, frames[1:]...)...))
			if len(got) != len(want) {
				t.Fatalf("printed %d lines, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
			}
			for i := range want {
				if i == bad {
					if !strings.HasPrefix(got[i], want[i]) {
						t.Errorf("line %d: got %q, want %q...", i, got[i], want[i])
					}
					continue
				}
				gotID, gotResult := parseFrame(t, got[i])
				wantID, wantResult := parseFrame(t, want[i])
				if gotID != wantID {
					t.Errorf("line %d is of %s, want %s", i, gotID, wantID)
				}
				check(t, gotResult, wantResult)
			}
		})
	}
}

func TestManyCallsShareOneChannel(t *testing.T) {
	t.Parallel()
	out := run(t, program("python", "python/many.py")(digitFile(t, 8))...)
	if got := lines(out); len(got) != 2 || !strings.HasPrefix(got[0], "8 ") || !strings.HasSuffix(got[0], " (50 times)") {
		t.Errorf("printed\n%s", out)
	}
}

// The example pauses for longer than keepalive_time plus keepalive_timeout: an
// unacknowledged ping would close its connection.
func TestLargeMessageAndKeepalive(t *testing.T) {
	t.Parallel()
	out := run(t, "python", "python/large.py", "--address", address, "--rest", "16")
	for _, want := range []string{"sent 48.0 MB", "received all 15306 rows", "connections so far: 1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not print %q:\n%s", want, out)
		}
	}
}

func TestModelsAreDescribed(t *testing.T) {
	t.Parallel()
	var list modelserving.ListModelsResponse
	if err := protojson.Unmarshal([]byte(run(t, "sh", "curl/models.sh", address)), &list); err != nil {
		t.Fatal(err)
	}
	if list.GetDefaultModel() != "digits" || list.GetModels()[0].GetState() != modelserving.ModelState_MODEL_STATE_READY {
		t.Errorf("got %v", &list)
	}
}

func TestServiceIsDescribed(t *testing.T) {
	t.Parallel()
	out := run(t, "sh", "grpcurl/describe.sh", address)
	for _, want := range []string{"rpc StreamPredict ( stream .modelserving.InferenceRequest )", "bytes raw_image = 1;"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not print %q:\n%s", want, out)
		}
	}
}

// TestProtobufResponseIsReadable runs the command in the header of classify-proto.sh.
func TestProtobufResponseIsReadable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "response.binpb")
	if err := os.WriteFile(file, []byte(run(t, script("curl/classify-proto.sh")(digitFile(t, 6))...)), 0o600); err != nil {
		t.Fatal(err)
	}
	convert := command(t, "buf", "convert", "api", "--type", "modelserving.InferenceResponse", "--from", file)
	convert.Dir = root
	out, err := convert.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseJSON(string(out)); err != nil || got.label != "6" {
		t.Errorf("got %v, %v of %s", got, err, out)
	}
}

func TestReadmeNamesEveryExample(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files := os.DirFS(".")
	for _, pattern := range []string{"curl/*.sh", "grpcurl/*.sh", "python/*.py", "javascript/*.mjs", "go/*/main.go"} {
		examples, err := fs.Glob(files, pattern)
		if err != nil || len(examples) == 0 {
			t.Errorf("%s: %d files, %v", pattern, len(examples), err)
		}
		for _, example := range examples {
			name := "examples/" + strings.TrimSuffix(example, "/main.go")
			if path.Base(name) == "predictor.py" {
				name = path.Base(name) // shared by the examples of a language
			}
			if !strings.Contains(string(readme), name) {
				t.Errorf("README.md does not name %s", name)
			}
		}
	}
}

// digitFile writes a held-out digit to a file and returns its path.
func digitFile(t *testing.T, digit int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), fmt.Sprintf("digit-%d.png", digit))
	image := digitstest.Load(t, root, digit).PNG(t, digitstest.HeldOut-1)
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// reference returns the server's result in full precision.
func reference(t *testing.T, file string) result {
	t.Helper()
	image, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	predictor := modelservingconnect.NewPredictorClient(connect.NewClient(
		connecthttp.NewTransport(http.DefaultClient, "http://"+address)))
	response, err := predictor.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: image})
	if err != nil {
		t.Fatal(err)
	}
	best, err := bestOf(response)
	if err != nil {
		t.Fatal(err)
	}
	return best
}

func check(t *testing.T, got, want result) {
	t.Helper()
	if got.label != want.label || math.Abs(got.score-want.score) > tolerance {
		t.Errorf("got %v, want %v", got, want)
	}
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), args[0], args[1:]...)
}

// run runs an example, which must succeed, and returns its output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := command(t, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func lines(out string) []string {
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// parseLine parses the first of the "LABEL SCORE" lines.
func parseLine(out string) (result, error) {
	fields := strings.Fields(lines(out)[0])
	if len(fields) < 2 {
		return result{}, fmt.Errorf("no label and score in %q", out)
	}
	score, err := strconv.ParseFloat(fields[1], 64)
	return result{fields[0], score}, err
}

// parseFrame parses a line "ID: LABEL SCORE".
func parseFrame(t *testing.T, line string) (string, result) {
	t.Helper()
	id, rest, _ := strings.Cut(line, ": ")
	best, err := parseLine(rest)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return id, best
}

func parseJSON(out string) (result, error) {
	var response modelserving.InferenceResponse
	if err := protojson.Unmarshal([]byte(out), &response); err != nil {
		return result{}, err
	}
	return bestOf(&response)
}

func parseProto(out string) (result, error) {
	var response modelserving.InferenceResponse
	if err := proto.Unmarshal([]byte(out), &response); err != nil {
		return result{}, err
	}
	return bestOf(&response)
}

func bestOf(response *modelserving.InferenceResponse) (result, error) {
	if len(response.GetClassifications()) == 0 {
		return result{}, fmt.Errorf("no classifications in %v", response)
	}
	best := response.GetClassifications()[0]
	return result{best.GetLabel(), float64(best.GetScore())}, nil
}
