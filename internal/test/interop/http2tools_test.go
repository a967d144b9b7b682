package interop_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
)

const (
	inferPath       = "/inference.GRPCInferenceService/ModelInfer"
	streamInferPath = "/inference.GRPCInferenceService/ModelStreamInfer"
)

// identity returns a request for a model that returns its FP32 input.
func identity(model string, values int) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName:        model,
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "INPUT0", Datatype: "FP32", Shape: []int64{1, int64(values)}}},
		RawInputContents: [][]byte{bytes.Repeat([]byte("\x01\x02\x03\x3f"), values)},
	}
}

const largeValues = 5_000_000 // 20 MB

// body writes messages to a file, each in gRPC's envelope if enveloped is set.
func body(t *testing.T, enveloped bool, messages ...proto.Message) string {
	t.Helper()
	var content []byte
	for _, message := range messages {
		data, err := proto.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		if enveloped {
			content = binary.BigEndian.AppendUint32(append(content, 0), uint32(len(data)))
		}
		content = append(content, data...)
	}
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// runCurl posts Connect and gRPC bodies.
func runCurl(t *testing.T, p peer) {
	post := func(path, contentType, file, status string) []byte {
		t.Helper()
		response := filepath.Join(t.TempDir(), "response")
		args := []string{"-sS", "--max-time", "60", "--data-binary", "@" + file, "-H", "Content-Type: " + contentType, "-H", "TE: trailers", "-o", response, "-w", "%{http_version} %{http_code}"}
		if p.authority != "" {
			args = append(args, "--http2", "--cacert", p.authority)
		} else {
			args = append(args, "--http2-prior-knowledge")
		}
		if got, want := run(t, nil, "curl", append(args, p.url(path))...), "2 "+status; got != want {
			t.Errorf("%s: HTTP version and status are %q, want %q", path, got, want)
		}
		content, err := os.ReadFile(response)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	for _, values := range []int{4, largeValues} {
		request := identity("identity_fp32", values)
		var response inference.ModelInferResponse
		if err := proto.Unmarshal(post(inferPath, "application/proto", body(t, false, request), "200"), &response); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(response.GetRawOutputContents()[0], request.GetRawInputContents()[0]) {
			t.Errorf("%d values: the response has other values", values)
		}
	}
	if response := post(inferPath, "application/proto", body(t, false, identity("nowhere", 4)), "404"); !strings.Contains(string(response), `"not_found"`) {
		t.Errorf("an unknown model: %s", response)
	}
	frames := body(t, true, identity("identity_fp32", 4), identity("nowhere", 4), identity("identity_fp32", largeValues))
	for rest, i := post(streamInferPath, "application/grpc", frames, "200"), 0; i < 3; i++ {
		if len(rest) < 5 || len(rest) < 5+int(binary.BigEndian.Uint32(rest[1:])) {
			t.Fatalf("the stream ends within response %d", i)
		}
		end := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		var frame inference.ModelStreamInferResponse
		if err := proto.Unmarshal(rest[5:end], &frame); err != nil {
			t.Fatal(err)
		}
		if failed := frame.GetErrorMessage() != ""; failed != (i == 1) {
			t.Errorf("response %d has the error %q", i, frame.GetErrorMessage())
		}
		rest = rest[end:]
	}
}

// runH2load checks that every request gets a response with the expected status. It
// measures nothing.
func runH2load(t *testing.T, p peer) {
	for name, load := range map[string]struct {
		requests, streams int
		path, contentType string
		enveloped         bool
		messages          []proto.Message
		statuses          string
	}{
		"unary":  {requests: 400, streams: 16, path: inferPath, contentType: "application/proto", messages: []proto.Message{identity("identity_fp32", 4)}, statuses: "400 2xx, 0 3xx, 0 4xx, 0 5xx"},
		"error":  {requests: 400, streams: 16, path: inferPath, contentType: "application/proto", messages: []proto.Message{identity("nowhere", 4)}, statuses: "0 2xx, 0 3xx, 400 4xx, 0 5xx"},
		"stream": {requests: 100, streams: 8, path: streamInferPath, contentType: "application/grpc", enveloped: true, messages: []proto.Message{identity("identity_fp32", 4), identity("identity_fp32", 1000), identity("nowhere", 4)}, statuses: "100 2xx, 0 3xx, 0 4xx, 0 5xx"},
		"large":  {requests: 8, streams: 2, path: inferPath, contentType: "application/proto", messages: []proto.Message{identity("identity_fp32", largeValues)}, statuses: "8 2xx, 0 3xx, 0 4xx, 0 5xx"},
	} {
		t.Run(name, func(t *testing.T) {
			out := run(t, nil, "h2load", "-n", fmt.Sprint(load.requests), "-c", "2", "-m", fmt.Sprint(load.streams), "-T", "60s",
				"-d", body(t, load.enveloped, load.messages...), "-H", "content-type: "+load.contentType, "-H", "te: trailers", p.url(load.path))
			done := fmt.Sprintf("%d done", load.requests)
			for _, want := range []string{done, "0 errored, 0 timeout", "status codes: " + load.statuses} {
				if !strings.Contains(out, want) {
					t.Errorf("does not report %q:\n%s", want, out)
				}
			}
		})
	}
}

// runBufCurl calls the server with the contract's schema over each protocol.
func runBufCurl(t *testing.T, p peer) {
	buf := filepath.Join(root, "node_modules/.bin/buf")
	for _, protocol := range []string{"connect", "grpc", "grpcweb"} {
		t.Run(protocol, func(t *testing.T) {
			args := func(path string, messages ...proto.Message) []string {
				var data []byte
				for _, message := range messages {
					text, err := protojson.Marshal(message)
					if err != nil {
						t.Fatal(err)
					}
					data = append(data, text...)
				}
				file := filepath.Join(t.TempDir(), "messages.json")
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
				args := []string{"curl", "--schema", filepath.Join(root, "api"), "--protocol", protocol, "--http2-prior-knowledge", "--data", "@" + file}
				if p.authority != "" {
					args = append(args, "--cacert", p.authority)
				}
				return append(args, p.url(path))
			}
			// buf curl accepts responses of at most 4 MiB, so the large request asks
			// for the best class only.
			for _, values := range []int{4, 750_000} {
				request := identity("identity_fp32", values)
				var response struct{ RawOutputContents []string }
				out := run(t, nil, buf, args(inferPath, request)...)
				if err := json.Unmarshal([]byte(out), &response); err != nil || len(response.RawOutputContents) != 1 {
					t.Fatalf("%d values: %v in %d bytes", values, err, len(out))
				}
				if response.RawOutputContents[0] != base64.StdEncoding.EncodeToString(request.GetRawInputContents()[0]) {
					t.Errorf("%d values: the response has other values", values)
				}
			}
			large := identity("identity_fp32", largeValues)
			large.Outputs = []*inference.ModelInferRequest_InferRequestedOutputTensor{{
				Name:       "OUTPUT0",
				Parameters: map[string]*inference.InferParameter{"classification": {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: 1}}},
			}}
			if out := run(t, nil, buf, args(inferPath, large)...); !strings.Contains(out, "rawOutputContents") {
				t.Errorf("%d values: %s", largeValues, out)
			}
			if out := fails(t, buf, args(inferPath, identity("nowhere", 4))...); !strings.Contains(out, "not_found") {
				t.Errorf("an unknown model: %s", out)
			}
			out := run(t, nil, buf, args(streamInferPath, identity("identity_fp32", 4), identity("nowhere", 4), identity("identity_fp32", 4))...)
			if strings.Count(out, "rawOutputContents") != 2 || strings.Count(out, "errorMessage") != 1 {
				t.Errorf("a stream: %s", out)
			}
		})
	}
}
