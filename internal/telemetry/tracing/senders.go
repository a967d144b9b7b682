package tracing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	exportProcedure = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	exportPath      = "/v1/traces"
	// maxResponse bounds what is read of a collector's response, in bytes.
	maxResponse = 64 << 10
)

// client returns a client of the endpoint's protocol.
func (e *Endpoint) client() *client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, Protocols: &http.Protocols{}, TLSClientConfig: e.TLS}
	if e.Protocol == ProtocolGRPC {
		transport.Protocols.SetHTTP2(true)
		transport.Protocols.SetUnencryptedHTTP2(true)
		return &client{grpcSender(&http.Client{Transport: transport}, e), transport.CloseIdleConnections, e.Timeout}
	}
	transport.Protocols.SetHTTP1(true)
	transport.Protocols.SetHTTP2(true)
	return &client{httpSender(&http.Client{Transport: transport}, e), transport.CloseIdleConnections, e.Timeout}
}

func grpcSender(client *http.Client, e *Endpoint) sender {
	rpc := connect.NewClient(connecthttp.NewTransport(client, e.URL, connecthttp.WithGRPC(), connecthttp.WithReadMaxBytes(maxResponse)))
	return func(ctx context.Context, message proto.Message) error {
		ctx, info := connect.NewClientContext(ctx)
		for name, value := range e.Headers {
			info.RequestHeader().Set(name, value)
		}
		err := rpc.CallUnary(ctx, connect.Spec{Procedure: exportProcedure, StreamType: connect.StreamTypeUnary}, message, &emptypb.Empty{})
		switch connect.CodeOf(err) { // opentelemetry.io/docs/specs/otlp lists those to repeat
		case connect.CodeCanceled, connect.CodeDeadlineExceeded, connect.CodeAborted, connect.CodeOutOfRange, connect.CodeUnavailable, connect.CodeDataLoss:
			return fmt.Errorf("%w: %w", errRetry, err)
		}
		return err
	}
}

func httpSender(client *http.Client, e *Endpoint) sender {
	url := e.URL
	if !e.complete {
		url = strings.TrimSuffix(url, "/") + exportPath
	}
	return func(ctx context.Context, message proto.Message) error {
		body, err := proto.Marshal(message)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		for name, value := range e.Headers {
			req.Header.Set(name, value)
		}
		res, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("%w: %w", errRetry, err)
		}
		defer res.Body.Close()
		_, _ = io.CopyN(io.Discard, res.Body, maxResponse) // so that the connection is reused
		switch res.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return fmt.Errorf("%w: %s", errRetry, res.Status)
		}
		return fmt.Errorf("the collector rejects the spans: %s", res.Status)
	}
}
