// Command classify classifies an image with one call, over Connect, gRPC or gRPC-Web.
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
	"time"

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
	flags := flag.NewFlagSet("classify", flag.ExitOnError)
	address := flags.String("address", "localhost:8080", "`host:port` of the server")
	model := flags.String("model", "", "`name` of the model (default: the server's default)")
	protocol := flags.String("protocol", "connect", "connect, grpc or grpcweb")
	_ = flags.Parse(args) // ExitOnError
	if flags.NArg() != 1 {
		return errors.New("usage: classify [flags] IMAGE")
	}

	var options []connecthttp.Option
	switch *protocol {
	case "connect":
	case "grpc":
		options = append(options, connecthttp.WithGRPC())
	case "grpcweb":
		options = append(options, connecthttp.WithGRPCWeb())
	default:
		return fmt.Errorf("unknown protocol %q: use connect, grpc or grpcweb", *protocol)
	}
	transport := connecthttp.NewTransport(h2c(), "http://"+*address, options...)
	client := modelservingconnect.NewPredictorClient(connect.NewClient(transport))

	image, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	response, err := client.FastPredict(ctx, &modelserving.FastInferenceRequest{RawImage: image, ModelName: *model})
	if err != nil {
		return err
	}
	for _, c := range response.GetClassifications() {
		fmt.Fprintf(out, "%s %.6f\n", c.GetLabel(), c.GetScore())
	}
	return nil
}

// h2c returns a client for HTTP/2 without TLS, which gRPC needs. For Connect and
// gRPC-Web, http.DefaultClient is sufficient.
func h2c() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: protocols}}
}
