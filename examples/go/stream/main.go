// Command stream sends images as the frames of one stream, and prints the responses
// as they arrive.
//
// Responses have the order of the frames. A bad frame, such as a file that is not an
// image, gets a response with an error; the stream continues.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("stream", flag.ExitOnError)
	address := flags.String("address", "localhost:8080", "`host:port` of the server")
	_ = flags.Parse(args) // ExitOnError
	if flags.NArg() == 0 {
		return errors.New("usage: stream [flags] IMAGE [IMAGE...]")
	}

	// A bidirectional stream needs HTTP/2, here without TLS.
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	h2c := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	transport := connecthttp.NewTransport(h2c, "http://"+*address)
	client := modelservingconnect.NewPredictorClient(connect.NewClient(transport))

	stream, err := client.StreamPredict(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()

	// Send and receive concurrently: the server stops reading if the client does not
	// receive (backpressure).
	sent := make(chan error, 1)
	go func() { sent <- send(stream, flags.Args()) }()
	if err := receive(stream, out); err != nil {
		return err
	}
	return <-sent
}

// send sends a frame for each file.
func send(stream modelservingconnect.PredictorStreamPredictClientStream, paths []string) error {
	for _, path := range paths {
		image, err := os.ReadFile(path)
		if err != nil {
			return errors.Join(err, stream.CloseSend())
		}
		err = stream.Send(&modelserving.InferenceRequest{Id: filepath.Base(path), RawImage: image})
		if errors.Is(err, io.EOF) {
			return nil // the server has ended the stream; Receive returns the cause
		}
		if err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

// receive prints the responses until the stream ends.
func receive(stream modelservingconnect.PredictorStreamPredictClientStream, out io.Writer) error {
	for {
		response, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if failure := response.GetError(); failure != nil {
			fmt.Fprintf(out, "%s: %s: %s\n", response.GetId(), failure.GetCode(), failure.GetMessage())
			continue
		}
		best := response.GetClassifications()[0]
		fmt.Fprintf(out, "%s: %s %.6f\n", response.GetId(), best.GetLabel(), best.GetScore())
	}
}
