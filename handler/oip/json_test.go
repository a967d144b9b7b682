package oip_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// TestConnectReadsProtobufJSON sends typed contents as Protobuf's JSON, which is not the JSON of the
// REST API: NaN and the infinities are strings, and arrays are flat
// (https://protobuf.dev/programming-guides/json/).
func TestConnectReadsProtobufJSON(t *testing.T) {
	models := map[string]*infertest.Model{}
	for _, datatype := range []tensor.DataType{tensor.Bool, tensor.Int32, tensor.Int64, tensor.Uint64, tensor.FP32, tensor.FP64, tensor.Bytes} {
		models[datatype.String()] = infertest.Echo(datatype, -1)
	}
	service, _ := handlertest.OIP(t, models, handlertest.Options{})
	options := server.Options{Logger: slog.New(slog.DiscardHandler)}
	s, err := server.New(&telemetry.Lifecycle{}, options, server.Endpoint{Name: "api", Routes: server.RPC(options, func(rpc *connect.Server) {
		inferenceconnect.RegisterGRPCInferenceServiceHandler(rpc, service)
	})})
	if err != nil {
		t.Fatal(err)
	}
	send := func(datatype, shape, contents string) (status int, text string) {
		body := `{"modelName":"` + datatype + `","inputs":[{"name":"x","datatype":"` + datatype + `","shape":` + shape + `,"contents":{` + contents + `}}]}`
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/inference.GRPCInferenceService/ModelInfer", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.Handler("api").ServeHTTP(w, req)
		return w.Code, w.Body.String()
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		datatype, shape, contents string
		want                      []byte
	}{
		{"FP32", "[4]", `"fp32Contents":["NaN","Infinity","-Infinity",-0.0]`, tensor.AsBytes([]float32{float32(nan), float32(inf), float32(-inf), float32(math.Copysign(0, -1))})},
		{"FP64", "[3]", `"fp64_contents":["NaN","Infinity","-Infinity"]`, tensor.AsBytes([]uint64{math.Float64bits(nan), 0x7ff << 52, 0xfff << 52})},
		{"FP32", `["2"]`, `"fp32Contents":["1.5",1e-45]`, tensor.AsBytes([]uint32{0x3fc00000, 1})},
		{"INT32", "[3]", `"intContents":[1e3,1.0,"-7"]`, tensor.AsBytes([]int32{1000, 1, -7})},
		{"INT64", "[2]", `"int64Contents":["9007199254740993",9007199254740993]`, tensor.AsBytes([]int64{9007199254740993, 9007199254740993})},
		{"UINT64", "[1]", `"uint64Contents":["18446744073709551615"]`, tensor.AsBytes([]uint64{math.MaxUint64})},
		{"BOOL", "[2]", `"boolContents":[true,false]`, []byte{1, 0}},
		{"BYTES", "[2]", `"bytesContents":["YWL/",""]`, handlertest.Elements("ab\xff", "")},
	} {
		status, text := send(test.datatype, test.shape, test.contents)
		var response struct{ RawOutputContents []string }
		if err := json.Unmarshal([]byte(text), &response); err != nil || status != http.StatusOK || len(response.RawOutputContents) != 1 {
			t.Errorf("%s: %d %s, %v", test.contents, status, text, err)
			continue
		}
		if got, err := base64.StdEncoding.DecodeString(response.RawOutputContents[0]); err != nil || string(got) != string(test.want) {
			t.Errorf("%s: % x, want % x, error %v", test.contents, got, test.want, err)
		}
	}
	for _, test := range []struct{ datatype, shape, contents string }{
		{"FP32", "[1]", `"fp32Contents":[NaN]`},
		{"FP32", "[1]", `"fp32Contents":[Infinity]`},
		{"FP32", "[1]", `"fp32Contents":["nan"]`},
		{"FP32", "[1]", `"fp32Contents":["Inf"]`},
		{"FP32", "[1]", `"fp32Contents":[null]`},
		{"FP32", "[1]", `"fp32Contents":[1e39]`},
		{"FP32", "[1]", `"fp32Contents":[[1]]`},
		{"FP32", "[2]", `"fp32Contents":[[1,2]]`},
		{"FP32", "[1]", `"fp32Contents":1`},
		{"INT32", "[1]", `"intContents":["NaN"]`},
		{"INT32", "[1]", `"intContents":[1.5]`},
		{"INT64", "[1]", `"int64Contents":[9223372036854775808]`},
		{"BOOL", "[1]", `"boolContents":[1]`},
		{"BYTES", "[1]", `"bytesContents":["?"]`},
	} {
		if status, text := send(test.datatype, test.shape, test.contents); status != http.StatusBadRequest || !strings.Contains(text, `"invalid_argument"`) {
			t.Errorf("%s: %d %s", test.contents, status, text)
		}
	}
}
