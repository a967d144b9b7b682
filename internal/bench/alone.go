package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// aloneCommand makes this program what runs models of pictures without a server: a
// process of its own, so that its CPU time is read as the server's is.
const aloneCommand = "alone"

// alonePictures is how many pictures the calls take in turn. Together they are larger
// than a core's own caches: a server's inputs come from elsewhere, too.
const alonePictures = 16

// alone is ONNX Runtime with a repository's models of pictures.
type alone struct {
	sessions map[string]engine.Session
	pictures [][]tensor.Tensor
}

// serveAlone loads the models that args name and runs them when it is asked to, over
// HTTP, until ctx is done. A request says with what load, and its answer is a
// load.Sample whose CPU is this process's: what the request itself takes is not in it.
func serveAlone(ctx context.Context, args []string, stdout io.Writer) (err error) {
	flags := flag.NewFlagSet(aloneCommand, flag.ContinueOnError)
	library := flags.String("onnxruntime-lib", "", "`path` of ONNX Runtime's library")
	models := flags.String("models", "", "`directory` of the models")
	if err := flags.Parse(args); err != nil {
		return err
	}
	runtime, err := onnx.Open(*library, onnx.Options{}) // as the server opens it
	if err != nil {
		return err
	}
	a := &alone{sessions: map[string]engine.Session{}, pictures: alonePicturesOf()}
	defer func() {
		for _, s := range a.sessions {
			err = errors.Join(err, s.Close())
		}
		err = errors.Join(err, runtime.Close())
	}()
	for _, name := range flags.Args() {
		if a.sessions[name], err = runtime.Load(ctx, modelFile(*models, name), engine.LoadOptions{}); err != nil {
			delete(a.sessions, name)
			return fmt.Errorf("model %s: %w", name, err)
		}
	}
	return servePage(ctx, stdout, a)
}

// alonePicturesOf returns the inputs.
func alonePicturesOf() [][]tensor.Tensor {
	random := rand.New(rand.NewPCG(7, 8))
	pictures := make([][]tensor.Tensor, alonePictures)
	for i := range pictures {
		values := make([]float32, model.ImageValues)
		for v := range values {
			values[v] = float32(random.NormFloat64())
		}
		pictures[i] = []tensor.Tensor{{DataType: tensor.FP32, Shape: imageShape(), Data: tensor.AsBytes(values)}}
	}
	return pictures
}

// ServeHTTP runs a model and says what it took.
func (a *alone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sample, err := a.run(r.Context(), r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(sample) // who asked finds out
}

func (a *alone) run(ctx context.Context, query url.Values) (load.Sample, error) {
	session := a.sessions[query.Get("model")]
	if session == nil {
		return load.Sample{}, fmt.Errorf("no model %q", query.Get("model"))
	}
	callers, err := strconv.Atoi(query.Get("callers"))
	if err != nil {
		return load.Sample{}, err
	}
	duration, err := time.ParseDuration(query.Get("time"))
	if err != nil {
		return load.Sample{}, err
	}
	next := make([]int, callers)
	for caller := range next {
		next[caller] = caller * len(a.pictures) / callers
	}
	return load.Load{Callers: callers, Duration: duration, Server: process.Self()}.Run(ctx, func(ctx context.Context, caller int) error {
		next[caller]++
		_, err := session.Run(ctx, a.pictures[next[caller]%len(a.pictures)])
		return err
	})
}

// askAlone has a process of aloneCommand run a model.
func askAlone(ctx context.Context, p *process.Process, name string, callers int, duration time.Duration) (load.Sample, error) {
	query := url.Values{"model": {name}, "callers": {strconv.Itoa(callers)}, "time": {duration.String()}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Base+"/?"+query.Encode(), http.NoBody)
	if err != nil {
		return load.Sample{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return load.Sample{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(res.Body)
		return load.Sample{}, fmt.Errorf("%s: %s", res.Status, reason)
	}
	var sample load.Sample
	err = json.NewDecoder(res.Body).Decode(&sample)
	return sample, err
}
