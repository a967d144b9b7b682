// Command goclient is a typical Go client: grpc-go with stubs that protoc generates from the
// public contract. It calls a server with the models of make interop, and prints the
// checks that passed.
//
// usage: goclient HOST:PORT [CA.PEM]    with the certificate of the server's CA: over TLS
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"

	"github.com/tensorwire/tensorwire/internal/test/interop/goclient/inference"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: goclient HOST:PORT [CA.PEM]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address string, authority []string, out io.Writer) error {
	transport := insecure.NewCredentials()
	if len(authority) > 0 {
		secure, err := credentials.NewClientTLSFromFile(authority[0], "")
		if err != nil {
			return err
		}
		transport = secure
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := inference.NewGRPCInferenceServiceClient(connection)
	for _, check := range []struct {
		name string
		run  func(context.Context, inference.GRPCInferenceServiceClient) error
	}{
		{"the server is live and ready", health},
		{"a model is described", describe},
		{"raw tensors, compressed", raw},
		{"typed tensors", typed},
		{"an error has its code", wrong},
		{"a stream continues after an error", stream},
		{"20 MB in both directions", large},
	} {
		if err := check.run(ctx, client); err != nil {
			return fmt.Errorf("%s: %w", check.name, err)
		}
		fmt.Fprintln(out, "ok:", check.name)
	}
	if err := grpcHealth(ctx, connection); err != nil {
		return fmt.Errorf("gRPC health: %w", err)
	}
	fmt.Fprintln(out, "ok: gRPC health")
	return nil
}

func health(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	live, err := client.ServerLive(ctx, &inference.ServerLiveRequest{})
	if err != nil {
		return err
	}
	ready, err := client.ServerReady(ctx, &inference.ServerReadyRequest{})
	if err != nil {
		return err
	}
	model, err := client.ModelReady(ctx, &inference.ModelReadyRequest{Name: "simple", Version: "1"})
	if err != nil {
		return err
	}
	if !live.GetLive() || !ready.GetReady() || !model.GetReady() {
		return fmt.Errorf("live %v, ready %v, model ready %v", live, ready, model)
	}
	return nil
}

func describe(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	metadata, err := client.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "simple"})
	if err != nil {
		return err
	}
	input := metadata.GetInputs()[0]
	if input.GetName() != "INPUT0" || input.GetDatatype() != "INT32" || !slices.Equal(input.GetShape(), []int64{-1, 16}) {
		return fmt.Errorf("got metadata %v", metadata)
	}
	config, err := client.ModelConfig(ctx, &inference.ModelConfigRequest{Name: "simple"})
	if err != nil {
		return err
	}
	if c := config.GetConfig(); c.GetMaxBatchSize() != 8 || c.GetInput()[0].GetDataType() != inference.DataType_TYPE_INT32 {
		return fmt.Errorf("got configuration %v", config)
	}
	return nil
}

// request returns a request to `simple` for the sum and the difference of two rows of 16
// values: 0 to 15, and 1.
func request(withData func(input *inference.ModelInferRequest_InferInputTensor, values []int32)) *inference.ModelInferRequest {
	var numbers, ones []int32
	for i := range int32(16) {
		numbers, ones = append(numbers, i), append(ones, 1)
	}
	message := &inference.ModelInferRequest{ModelName: "simple", Id: "go"}
	for i, values := range [][]int32{numbers, ones} {
		input := &inference.ModelInferRequest_InferInputTensor{
			Name: fmt.Sprint("INPUT", i), Datatype: "INT32", Shape: []int64{1, 16},
		}
		withData(input, values)
		message.Inputs = append(message.Inputs, input)
	}
	return message
}

func rawRequest() *inference.ModelInferRequest {
	var contents [][]byte
	message := request(func(_ *inference.ModelInferRequest_InferInputTensor, values []int32) {
		data, _ := binary.Append(nil, binary.LittleEndian, values) // cannot fail for fixed-size values
		contents = append(contents, data)
	})
	message.RawInputContents = contents
	return message
}

// checkSums checks the response to request.
func checkSums(response *inference.ModelInferResponse) error {
	if len(response.GetOutputs()) != 2 || len(response.GetRawOutputContents()) != 2 || response.GetId() != "go" {
		return fmt.Errorf("got %v", response)
	}
	for i, output := range response.GetOutputs() {
		if output.GetName() != fmt.Sprint("OUTPUT", i) || !slices.Equal(output.GetShape(), []int64{1, 16}) {
			return fmt.Errorf("output %d is %v", i, output)
		}
		var got [16]int32
		if _, err := binary.Decode(response.GetRawOutputContents()[i], binary.LittleEndian, &got); err != nil {
			return err
		}
		for j, value := range got {
			if want := int32(j) + 1 - 2*int32(i); value != want {
				return fmt.Errorf("output %d has %d at %d, want %d", i, value, j, want)
			}
		}
	}
	return nil
}

func raw(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	response, err := client.ModelInfer(ctx, rawRequest(), grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	return checkSums(response)
}

func typed(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	response, err := client.ModelInfer(ctx, request(func(input *inference.ModelInferRequest_InferInputTensor, values []int32) {
		input.Contents = &inference.InferTensorContents{IntContents: values}
	}))
	if err != nil {
		return err
	}
	return checkSums(response)
}

func wrong(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	message := rawRequest()
	message.ModelName = "nowhere"
	if _, err := client.ModelInfer(ctx, message); status.Code(err) != codes.NotFound {
		return fmt.Errorf("an unknown model: %w", err)
	}
	message = rawRequest()
	message.Inputs[1].Shape = []int64{1, 17}
	if _, err := client.ModelInfer(ctx, message); status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("a wrong shape: %w", err)
	}
	return nil
}

func stream(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	calls, err := client.ModelStreamInfer(ctx)
	if err != nil {
		return err
	}
	bad := rawRequest()
	bad.ModelName = "nowhere"
	for _, message := range []*inference.ModelInferRequest{rawRequest(), bad, rawRequest()} {
		if err := calls.Send(message); err != nil {
			return err
		}
	}
	if err := calls.CloseSend(); err != nil {
		return err
	}
	for i := range 3 {
		response, err := calls.Recv()
		if err != nil {
			return err
		}
		if failed := response.GetErrorMessage() != ""; failed != (i == 1) {
			return fmt.Errorf("response %d has the error %q", i, response.GetErrorMessage())
		}
		if i == 1 {
			continue
		}
		if err := checkSums(response.GetInferResponse()); err != nil {
			return err
		}
	}
	if _, err := calls.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end of the stream: %w", err)
	}
	return nil
}

// large sends a tensor above the default message limit of gRPC's clients, so it raises
// the limit for the response.
func large(ctx context.Context, client inference.GRPCInferenceServiceClient) error {
	const bytesEach, values = 4, 5_000_000
	tensor := bytes.Repeat([]byte("\x01\x02\x03\x3f\x04\x05\x06\x3f"), bytesEach*values/8)
	response, err := client.ModelInfer(ctx, &inference.ModelInferRequest{
		ModelName:        "identity_fp32",
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: "INPUT0", Datatype: "FP32", Shape: []int64{1, values}}},
		RawInputContents: [][]byte{tensor},
	}, grpc.MaxCallRecvMsgSize(32<<20))
	if err != nil {
		return err
	}
	if contents := response.GetRawOutputContents(); len(contents) != 1 || !bytes.Equal(contents[0], tensor) {
		return errors.New("the response has another tensor")
	}
	return nil
}
