// Command stream sends images as the frames of one stream, and prints the answers
// as they come.
//
// Answers come in the order of the frames. A frame that cannot be served, such as a
// file that is no image, is answered with an error; the stream goes on.
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

	// A stream that goes both ways at once needs HTTP/2, here without TLS.
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

	// Sending and receiving go on at the same time: the server stops reading while
	// nobody takes its answers.
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
			return nil // the server has ended the stream; Receive says why
		}
		if err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

// receive prints the answers until the stream ends.
func receive(stream modelservingconnect.PredictorStreamPredictClientStream, out io.Writer) error {
	for {
		answer, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if failure := answer.GetError(); failure != nil {
			fmt.Fprintf(out, "%s: %s: %s\n", answer.GetId(), failure.GetCode(), failure.GetMessage())
			continue
		}
		best := answer.GetClassifications()[0]
		fmt.Fprintf(out, "%s: %s %.6f\n", answer.GetId(), best.GetLabel(), best.GetScore())
	}
}
