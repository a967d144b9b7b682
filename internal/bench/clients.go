package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// httpVersion is what carries a protocol.
type httpVersion string

// Both are without TLS, h2c with prior knowledge.
const (
	http1 httpVersion = "HTTP/1.1"
	http2 httpVersion = "HTTP/2"
)

// newHTTPClient returns a client with connections of its own: one on HTTP/2, one
// for each caller on HTTP/1.1.
func newHTTPClient(version httpVersion) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: mostCallers}
	transport.Protocols.SetHTTP1(version == http1)
	transport.Protocols.SetUnencryptedHTTP2(version == http2)
	return &http.Client{Transport: transport}
}

// dial returns a client of a server, as the generated code makes it.
func dial(server *process.Process, version httpVersion, options ...connecthttp.Option) modelservingconnect.PredictorClient {
	transport := connecthttp.NewTransport(newHTTPClient(version), server.Base, options...)
	return modelservingconnect.NewPredictorClient(connect.NewClient(transport))
}

// predict makes one request and returns the answer.
type predict func(context.Context) (*modelserving.InferenceResponse, error)

// call returns the request for a load.
func (p predict) call() call {
	return func(ctx context.Context) (*modelserving.Timings, error) {
		res, err := p(ctx)
		return res.GetTimings(), err
	}
}

// fast is a request by FastPredict.
func fast(client modelservingconnect.PredictorClient, req *modelserving.FastInferenceRequest) predict {
	return func(ctx context.Context) (*modelserving.InferenceResponse, error) {
		return client.FastPredict(ctx, req)
	}
}

// general is a request by Predict.
func general(client modelservingconnect.PredictorClient, req *modelserving.InferenceRequest) predict {
	return func(ctx context.Context) (*modelserving.InferenceResponse, error) { return client.Predict(ctx, req) }
}

// put returns a request of body to the floor. It is no POST, which the server would
// take for a call of an unknown procedure.
func put(floor *process.Process, version httpVersion, body []byte) call {
	client := newHTTPClient(version)
	return func(ctx context.Context) (*modelserving.Timings, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, floor.Base, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		if want := fmt.Sprintf("%d\n", len(body)); string(answer) != want {
			return nil, fmt.Errorf("the floor answered %s: %q", res.Status, answer)
		}
		return nil, nil
	}
}
