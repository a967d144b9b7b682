package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
)

// httpVersion is a version of HTTP without TLS; HTTP/2 with prior knowledge.
type httpVersion string

const (
	http1 httpVersion = "HTTP/1.1"
	http2 httpVersion = "HTTP/2"
)

// newHTTPClient returns a client with its own connections: one on HTTP/2, one for each
// caller on HTTP/1.1.
func newHTTPClient(version httpVersion) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: 4}
	transport.Protocols.SetHTTP1(version == http1)
	transport.Protocols.SetUnencryptedHTTP2(version == http2)
	return &http.Client{Transport: transport}
}

// exchange sends a request with a body and returns the body of the response.
func exchange(ctx context.Context, c *http.Client, method, url, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", url, res.Status, text)
	}
	return text, err
}

// post returns the connector of callers that post JSON, each on its own connection.
func post(path string, body []byte, check func([]byte) error) connector {
	return func(_ context.Context, base string) (*client, error) {
		c := newHTTPClient(http1)
		return &client{do: func(ctx context.Context, _ int) error {
			text, err := exchange(ctx, c, http.MethodPost, base+path, "application/json", body)
			if err == nil {
				err = check(text)
			}
			return err
		}, close: func() error { c.CloseIdleConnections(); return nil }}, nil
	}
}

// put returns a call that sends body to the floor. It is not a POST, which the server
// would take as an unknown procedure.
func put(base string, version httpVersion, body []byte) call {
	c, want := newHTTPClient(version), fmt.Sprintf("%d\n", len(body))
	return func(ctx context.Context, _ int) error {
		text, err := exchange(ctx, c, http.MethodPut, base, "application/octet-stream", body)
		if err == nil && string(text) != want {
			err = fmt.Errorf("the floor counted %q bytes, want %q", text, want)
		}
		return err
	}
}

func newConnectClient(base string, version httpVersion, options ...connecthttp.Option) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(newHTTPClient(version), base, options...))
}

func dialPredictor(base string, version httpVersion, options ...connecthttp.Option) modelservingconnect.PredictorClient {
	return modelservingconnect.NewPredictorClient(newConnectClient(base, version, options...))
}

// dialInference returns the protocol's generated client, over gRPC on one connection.
func dialInference(base string) inferenceconnect.GRPCInferenceServiceClient {
	return inferenceconnect.NewGRPCInferenceServiceClient(newConnectClient(base, http2, connecthttp.WithGRPC()))
}

type predict func(context.Context) (*modelserving.InferenceResponse, error)

func fastPredict(c modelservingconnect.PredictorClient, req *modelserving.FastInferenceRequest) predict {
	return func(ctx context.Context) (*modelserving.InferenceResponse, error) { return c.FastPredict(ctx, req) }
}

func generalPredict(c modelservingconnect.PredictorClient, req *modelserving.InferenceRequest) predict {
	return func(ctx context.Context) (*modelserving.InferenceResponse, error) { return c.Predict(ctx, req) }
}

// call returns the request as a call. t collects the server's timings; nil: nothing does.
func (p predict) call(t *timings) call {
	return func(ctx context.Context, _ int) error {
		res, err := p(ctx)
		if err == nil && t != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.all = append(t.all, res.GetTimings())
		}
		return err
	}
}

// timings collects the server's timings of requests. It is safe for concurrent use.
type timings struct {
	mu  sync.Mutex
	all []*modelserving.Timings
}
