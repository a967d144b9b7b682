package handler_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// listen serves all APIs over models on a port, by both versions of HTTP, and returns
// the URL and a client of HTTP/2.
func listen(t *testing.T, models map[string]*infertest.Model) (string, *http.Client, *handlertest.Repository) {
	t.Helper()
	apis, r := handlertest.Serve(t, models, handlertest.Options{})
	rpc := connect.NewServer()
	inferenceconnect.RegisterGRPCInferenceServiceHandler(rpc, apis.OIP)
	modelservingconnect.RegisterPredictorHandler(rpc, apis.Predictor)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, rpc)
	mux.Handle("/v2/", apis.REST)
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, &http.Client{Transport: transport}, r
}

// late is a value that no model may see.
const late = 9

// TestWhatHasExpiredIsNeverRun sends requests to a model that is held, with every way to
// bound the wait of a caller, and one whose caller leaves.
func TestWhatHasExpiredIsNeverRun(t *testing.T) {
	m, began, let := infertest.Held()
	held := m.Compute
	var mu sync.Mutex
	var ran []float32
	m.Compute = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		values, _ := tensor.View[float32](inputs[0].Data)
		mu.Lock()
		ran = append(ran, values[0])
		mu.Unlock()
		return held(ctx, inputs)
	}
	url, client, models := listen(t, map[string]*infertest.Model{"m": m})
	rest := func(first, parameters string) string {
		return `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[` + first + `,0]}]` + parameters + `}`
	}
	grpc := func(p handlertest.Parameters) string {
		request := handlertest.VectorRequest("", late, 0)
		request.Inputs[0].Shape, request.Parameters = []int64{1, 2}, p
		message, err := proto.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		return string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...))
	}
	const (
		infer   = inferenceconnect.GRPCInferenceServiceModelInferProcedure
		predict = modelservingconnect.PredictorPredictProcedure
		path    = "/v2/models/m/infer"
	)
	post := func(ctx context.Context, path, body string, headers ...string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, bytes.NewReader([]byte(body)))
		if err != nil {
			return "", err
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return res.Status + " " + res.Header.Get("Grpc-Status") + res.Trailer.Get("Grpc-Status") + " " + string(text), err
	}
	var holding sync.WaitGroup
	holding.Go(func() {
		if said, err := post(t.Context(), path, rest("1", "")); err != nil || !strings.HasPrefix(said, "200") {
			t.Errorf("%s, %v", said, err)
		}
	})
	<-began
	var waiting sync.WaitGroup
	const each = 20
	for name, test := range map[string]struct {
		path, body string
		headers    []string
		says       string
	}{
		"grpc-timeout":           {infer, grpc(nil), []string{"Content-Type", "application/grpc", "Te", "trailers", "Grpc-Timeout", "300m"}, " 4 "},
		"Connect-Timeout-Ms":     {predict, `{"tensorData":[9,0],"modelName":"m"}`, []string{"Content-Type", "application/json", "Connect-Timeout-Ms", "300"}, "deadline_exceeded"},
		"parameter of gRPC":      {infer, grpc(handlertest.Parameters{"timeout": handlertest.Int64(300_000)}), []string{"Content-Type", "application/grpc", "Te", "trailers"}, " 14 "},
		"parameter of REST":      {path, rest("9", `,"parameters":{"timeout":300000}`), nil, "503 Service Unavailable"},
		"no time from the start": {path, rest("9", `,"parameters":{"timeout":1}`), nil, "503 Service Unavailable"},
	} {
		for range each {
			waiting.Go(func() {
				if said, err := post(t.Context(), test.path, test.body, test.headers...); err != nil || !strings.Contains(said, test.says) {
					t.Errorf("%s: %s, %v", name, said, err)
				}
			})
		}
	}
	leaving, leave := context.WithCancel(t.Context())
	for range each {
		waiting.Go(func() {
			if said, err := post(leaving, path, rest("9", "")); err == nil {
				t.Errorf("a caller that left was answered: %s", said)
			}
		})
	}
	statistics := models.Snapshot().Models[0].Newest().Statistics
	until := func(enough func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !enough(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%+v", statistics.Sums())
			}
		}
	}
	until(func() bool { // only those are left that have all the time
		sums := statistics.Sums()
		return sums.Waiting == each && sums.Fail.Count == 5*each
	})
	leave()
	waiting.Wait()
	until(func() bool { return statistics.Sums().InFlight == 1 })
	sums := statistics.Sums()
	if sums.NotRun[scheduler.ReasonTimeout] != 3*each || sums.NotRun[scheduler.ReasonCancelled] != 3*each || sums.Waiting != 0 || sums.WaitingBytes != 0 || sums.Fail.Count != 6*each {
		t.Errorf("%+v", sums)
	}
	close(let)
	holding.Wait()
	if said, err := post(t.Context(), path, rest("2", "")); err != nil || !strings.HasPrefix(said, "200") {
		t.Errorf("%s, %v", said, err)
	}
	if !slices.Equal(ran, []float32{1, 2}) {
		t.Errorf("the model saw %v", ran)
	}
	stats, err := inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connecthttp.NewTransport(client, url, connecthttp.WithGRPC()))).ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "m"})
	if err != nil || len(stats.GetModelStats()) != 1 || stats.GetModelStats()[0].GetExecutionCount() != 2 || stats.GetModelStats()[0].GetInferenceStats().GetFail().GetCount() != 6*each {
		t.Errorf("%v, %v", stats, err)
	}
}
