package tensorwire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"

	"github.com/tensorwire/tensorwire"
)

// A program that serves models until it is interrupted.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server, err := tensorwire.New(tensorwire.Options{Models: "models", Listen: ":8080"})
	if err == nil {
		err = server.ListenAndServe(ctx)
	}
	if err != nil {
		log.Print(err)
	}
}

// A program whose models run in worker processes, for which its servers start it again.
func ExampleRunWorker() {
	tensorwire.RunWorker() // first thing in main

	server, err := tensorwire.New(tensorwire.Options{Models: "models"})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.ListenAndServe(context.Background()))
}

// A server of net/http with paths of its own next to Tensorwire's.
func ExampleServer_Handler_netHTTP() {
	models, err := tensorwire.New(tensorwire.Options{Models: "models"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", models.Handler())
	mux.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "digits") })

	server := &http.Server{Addr: ":8080", Handler: mux, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true) // for gRPC without TLS
	server.RegisterOnShutdown(func() {
		if err := models.Shutdown(context.Background()); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(server.ListenAndServe())
}

// A request to the handler without a network.
func ExampleServer_Handler() {
	server, err := tensorwire.New(tensorwire.Options{
		Models:             "models",
		OnnxRuntimeLibrary: os.Getenv("TENSORWIRE_ONNXRUNTIME_LIB"),
		Logger:             slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := server.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}

	request := httptest.NewRequest(http.MethodPost, "/v2/models/digits/infer", drawOne())
	request.Header.Set("Content-Type", "image/png")
	response := httptest.NewRecorder()
	server.Handler().ServeHTTP(response, request)

	var result struct {
		Model   string `json:"model_name"`
		Outputs []struct {
			Data []string `json:"data"` // of each class, the best first: score:index:label
		} `json:"outputs"`
	}
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil {
		log.Fatal(err)
	}
	best := strings.Split(result.Outputs[0].Data[0], ":")
	fmt.Println(response.Code, result.Model, best[2])
	if err := server.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: 200 digits 1
}

// drawOne returns a PNG of a one.
func drawOne() *bytes.Buffer {
	picture := image.NewGray(image.Rect(0, 0, 28, 28))
	for y := 5; y < 23; y++ {
		for x := 13; x < 16; x++ {
			picture.SetGray(x, y, color.Gray{Y: 255})
		}
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		log.Fatal(err)
	}
	return &encoded
}
