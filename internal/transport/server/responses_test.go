package server_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// Each response is counted once, by its protocol and code, also where the middleware rejects the
// request, and without a log. What clients make up makes no series.
func TestResponsesAreCountedByProtocolAndCode(t *testing.T) {
	counts := &telemetry.Responses{}
	address, _ := startService(t, service{}, server.Options{Logger: slog.New(slog.DiscardHandler), AccessLog: telemetry.AccessLogOff, Responses: counts, MaxMessageBytes: 1000})
	for _, path := range []string{"/", "/livez", "/readyz"} {
		get(t, "http://"+address+path)
	}
	for _, name := range []string{connect.ProtocolNameConnect, connect.ProtocolNameGRPC, connect.ProtocolNameGRPCWeb} {
		client := predictor(httpClient(t, true), address, protocols[name]...)
		for _, m := range []*modelserving.FastInferenceRequest{{ModelName: "named"}, {ModelName: "panic"}, {RawImage: make([]byte, 2000)}} {
			_, _ = client.FastPredict(t.Context(), m) // counted
		}
	}
	url := "http://" + address
	do(t, http.MethodPost, url+"/v2/models/made-up/infer", strings.NewReader("{}"))
	do(t, http.MethodPost, url+"/v2/panic", strings.NewReader("{}"))
	do(t, http.MethodPost, url+"/made.up/Method", strings.NewReader("{}"), "Content-Type", "application/json", "Connect-Protocol-Version", "1")
	do(t, http.MethodPost, url+"/made.up/Method", strings.NewReader(""), "Content-Type", "application/grpc+made-up")
	do(t, "MADEUP", url+"/made/up/path", strings.NewReader(""))
	want := []string{
		"connect internal 1", "connect ok 1", "connect resource_exhausted 1", "connect unimplemented 1",
		"grpc internal 1", "grpc ok 1", "grpc resource_exhausted 1", "grpc unimplemented 1",
		"grpcweb internal 1", "grpcweb ok 1", "grpcweb resource_exhausted 1",
		"http internal 1", "http ok 1", "http unimplemented 1",
	}
	// A client can have its response before the server has counted it.
	var got []string
	defer func() {
		if t.Failed() {
			t.Errorf("counted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}()
	eventually(t, "the counts", func() bool {
		got = nil
		counts.Each(func(protocol, code string, count uint64) {
			got = append(got, fmt.Sprint(protocol, " ", code, " ", count))
		})
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}
