package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// peakMemory resets the peak of this process's resident memory, and returns a function that
// returns by how much the peak has grown since, in bytes.
func peakMemory(t *testing.T) (growth func() int64) {
	t.Helper()
	before := residentMemory(t)
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skip("the peak of resident memory cannot be reset: ", err)
	}
	return func() int64 {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		var peak int64
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		if _, err := fmt.Sscan(rest, &peak); err != nil {
			t.Fatal(err)
		}
		return peak<<10 - before
	}
}

// compressed returns data as gzip.
func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// enveloped returns a message with gRPC's prefix.
func enveloped(flags byte, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message))), message...)
}

// attack is a request of few bytes, or few distinct ones, that is decoded to many messages.
type attack struct {
	path   string
	h2     bool
	header []string
	body   []byte
}

// attacks are requests with too many entries, on every protocol and in every encoding.
func attacks(t *testing.T) map[string]attack {
	const rpc, rest = "/inference.GRPCInferenceService/ModelInfer", "/v2/models/digits/infer"
	input := []byte{5<<3 | 2, 0} // inputs, the empty message
	bomb := compressed(t, bytes.Repeat(input, 33_000_000))
	inputs := bytes.Repeat(input, 10_000_000)
	var parameters, jsonParameters, restParameters bytes.Buffer
	for i := range 1_500_000 {
		entry := append([]byte{1<<3 | 2, 7}, fmt.Sprintf("%07d", i)...)
		parameters.Write(append([]byte{4<<3 | 2, byte(len(entry))}, entry...))
		fmt.Fprintf(&jsonParameters, `"%d":{},`, i)
		fmt.Fprintf(&restParameters, `"%d":1,`, i)
	}
	jsonInputs := []byte(`{"inputs":[` + strings.Repeat("{},", 6_000_000) + `{}]}`)
	restInputs := []byte(`{"inputs":[` + strings.Repeat(`{"name":"x","datatype":"FP32","shape":[0],"data":[]},`, 400_000) + `{}]}`)
	connect, grpc := []string{"Content-Type", "application/proto"}, []string{"Content-Type", "application/grpc", "Te", "trailers"}
	json, web := []string{"Content-Type", "application/json"}, []string{"Content-Type", "application/grpc-web+proto"}
	zipped := func(header []string, name string) []string { return append([]string{name, "gzip"}, header...) }
	return map[string]attack{
		"gzip to Connect":     {rpc, false, zipped(connect, "Content-Encoding"), bomb},
		"gzip to gRPC":        {rpc, true, zipped(grpc, "Grpc-Encoding"), enveloped(1, bomb)},
		"gzip to gRPC-Web":    {rpc, false, zipped(web, "Grpc-Encoding"), enveloped(1, bomb)},
		"gzip of JSON":        {rpc, false, zipped(json, "Content-Encoding"), compressed(t, jsonInputs)},
		"gzip of REST":        {rest, false, zipped(json, "Content-Encoding"), compressed(t, restInputs)},
		"inputs to Connect":   {rpc, false, connect, inputs},
		"inputs to gRPC":      {rpc, true, grpc, enveloped(0, inputs)},
		"inputs to gRPC-Web":  {rpc, false, web, enveloped(0, inputs)},
		"inputs in REST":      {rest, false, json, restInputs},
		"inputs in JSON":      {rpc, false, json, jsonInputs},
		"parameters, Connect": {rpc, false, connect, parameters.Bytes()},
		"parameters, gRPC":    {rpc, true, grpc, enveloped(0, parameters.Bytes())},
		"parameters, web":     {rpc, false, web, enveloped(0, parameters.Bytes())},
		"parameters in JSON":  {rpc, false, json, []byte(`{"parameters":{` + jsonParameters.String() + `"a":{}}}`)},
		"parameters in REST":  {rest, false, json, []byte(`{"parameters":{` + restParameters.String() + `"a":1},"inputs":[]}`)},
		"a stream":            {"/inference.GRPCInferenceService/ModelStreamInfer", true, grpc, enveloped(0, inputs)},
	}
}

// Messages of many entries are rejected before they are decoded: each takes no more than what is
// reserved for its encoding.
func TestEntriesAreCountedBeforeTheyAreDecoded(t *testing.T) {
	const budget = 256 << 20
	p := start(t, "--models", root+"/models", "--memory-budget", strconv.Itoa(budget))
	for name, attack := range attacks(t) {
		t.Run(name, func(t *testing.T) {
			growth := peakMemory(t)
			res := attack.send(t, p)
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			outcome := fmt.Sprint(res.StatusCode, " ", string(text), res.Header, res.Trailer)
			// A message of a stream is answered by itself, and the stream ends well.
			streamed := strings.HasSuffix(attack.path, "StreamInfer") && strings.Contains(outcome, "Grpc-Status:[0]")
			invalid := res.StatusCode == http.StatusBadRequest || strings.Contains(outcome, "Grpc-Status:[3]") || strings.Contains(outcome, "grpc-status: 3")
			if !strings.Contains(outcome, "more than 4096") || !invalid && !streamed {
				t.Errorf("the answer is %.500s", outcome)
			}
			// The race detector's own memory is several times that of the heap.
			if n := growth(); n > budget && !raceDetector {
				t.Errorf("resident memory grew by %d bytes, the budget is %d", n, budget)
			}
		})
	}
	budgetIsFree(t, p)
}

// Elements of tensors that take more memory than their text are a part of the budget.
func TestWhatAMessageIsDecodedToIsInTheBudget(t *testing.T) {
	p := start(t, "--models", root+"/models", "--memory-budget", "8000000", "--max-message-bytes", "3000000")
	const n = 1_400_000
	small, err := proto.Marshal(&inference.ModelInferRequest{ModelName: "digits", Inputs: []*inferInput{{
		Name: "x", Datatype: "INT64", Shape: []int64{n}, Contents: &inference.InferTensorContents{Int64Contents: make([]int64, n)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	list := "[" + strings.Repeat("1,", n-1) + "1]"
	const rpc = "/inference.GRPCInferenceService/ModelInfer"
	for name, request := range map[string]attack{
		"gRPC":         {rpc, true, []string{"Content-Type", "application/grpc", "Te", "trailers"}, enveloped(0, small)},
		"Connect":      {rpc, false, []string{"Content-Type", "application/proto"}, small},
		"Connect gzip": {rpc, false, []string{"Content-Type", "application/proto", "Content-Encoding", "gzip"}, compressed(t, small)},
		"JSON":         {rpc, false, []string{"Content-Type", "application/json"}, []byte(`{"modelName":"digits","inputs":[{"name":"x","datatype":"INT64","shape":[1400000],"contents":{"int64Contents":` + list + `}}]}`)},
		"REST":         {"/v2/models/digits/infer", false, []string{"Content-Type", "application/json"}, []byte(`{"inputs":[{"name":"x","datatype":"INT64","shape":[1400000],"data":` + list + `}]}`)},
	} {
		res := request.send(t, p)
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		outcome := fmt.Sprint(res.StatusCode, " ", string(text), res.Header, res.Trailer)
		if !strings.Contains(outcome, "(memory-budget)") || !strings.Contains(outcome, "8000000 bytes") {
			t.Errorf("%s: the answer is %.500s", name, outcome)
		}
		if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusRequestEntityTooLarge && !strings.Contains(outcome, "Grpc-Status:[8]") {
			t.Errorf("%s: the code is not resource_exhausted: %.500s", name, outcome)
		}
	}
	budgetIsFree(t, p)
}
