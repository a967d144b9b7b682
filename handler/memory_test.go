package handler_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

// accounted returns a context with an account of a budget.
func accounted(t *testing.T, b *admission.Budget) (context.Context, *admission.Account) {
	account := admission.NewAccount(b, 1)
	t.Cleanup(account.Close)
	return admission.WithAccount(t.Context(), account), account
}

// large is the size of a tensor whose memory is reserved.
const large = 1 << 20

func TestOutputsAreInTheBudgetUntilTheyAreReleased(t *testing.T) {
	freed := 0
	m := infertest.Echo(tensor.Uint8, -1)
	m.Compute = func(context.Context, []tensor.Tensor) (*engine.Result, error) {
		out := tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{large}, Data: make([]byte, large)}
		return &engine.Result{Outputs: []tensor.Tensor{out}, Free: func() { freed++ }}, nil
	}
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	request := func(form infer.Form) *infer.Request {
		return &infer.Request{Model: "m", Form: form, Inputs: []infer.Input{{Name: "x", Tensor: tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{1}, Data: []byte{1}}}}}
	}
	b := admission.New(10 * large)
	ctx, account := accounted(t, b)
	result, err := apis.Runner.Run(ctx, request(infer.Tensors))
	if err != nil || b.Used() != large {
		t.Fatalf("%v, %d bytes are reserved", err, b.Used())
	}
	result.Release()
	result.Release()
	if b.Used() != 0 || freed != 1 {
		t.Errorf("%d bytes are reserved, the outputs are freed %d times", b.Used(), freed)
	}
	// Scores are numbers of four bytes.
	if _, err := apis.Runner.Run(ctx, request(infer.Scores)); err != nil || b.Used() != 5*large {
		t.Errorf("%v, %d bytes are reserved for scores", err, b.Used())
	}
	account.Close()
	if b.Used() != 0 {
		t.Errorf("%d bytes are reserved after the request", b.Used())
	}

	b.TryReserve(10 * large) // by others
	ctx, _ = accounted(t, b)
	freed = 0
	_, err = apis.Runner.Run(ctx, request(infer.Tensors))
	if wait, ok := overload.RetryAfter(err); !ok || wait != admission.RetryWait || freed != 1 {
		t.Errorf("without room: %v, the outputs are freed %d times", err, freed)
	}
	ctx, _ = accounted(t, admission.New(large-1))
	if _, err = apis.Runner.Run(ctx, request(infer.Tensors)); !errors.Is(err, admission.ErrTooLarge) {
		t.Errorf("more than the budget: %v", err)
	}
}

// Probabilities take memory of their own where the answer has the output itself too.
func TestScoresBesideTheirOutputAreInTheBudget(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Labels = make([]string, large/4)
	m.Compute = infertest.Constantly(tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{large / 4}, Data: make([]byte, large)})
	plain := infertest.Echo(tensor.FP32, -1)
	plain.Compute = m.Compute
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": m, "plain": plain}, handlertest.Options{})
	for name, test := range map[string]struct {
		model string
		form  infer.Form
		named bool
		want  int64
	}{
		"scores in place":           {"m", infer.Scores, false, large},
		"scores and their output":   {"m", infer.Scores, true, 2 * large},
		"classes":                   {"m", infer.Labels, false, 2 * large},
		"the output":                {"m", infer.Tensors, true, large},
		"values and their output":   {"plain", infer.Scores, true, large},
		"an output without classes": {"plain", infer.Labels, false, large},
	} {
		b := admission.New(10 * large)
		ctx, account := accounted(t, b)
		req := &infer.Request{Model: test.model, Form: test.form, TopK: 1, Inputs: []infer.Input{{Name: "x", Tensor: tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1}, Data: make([]byte, 4)}}}}
		if test.named {
			req.Outputs = []infer.Output{{Name: "y"}}
		}
		result, err := apis.Runner.Run(ctx, req)
		if err != nil || b.Used() != test.want {
			t.Fatalf("%s: %v, %d bytes are reserved, want %d", name, err, b.Used(), test.want)
		}
		if test.named && (len(result.Outputs) != 1 || len(result.Outputs[0].Data) != large || bytes.ContainsFunc(result.Outputs[0].Data, func(r rune) bool { return r != 0 })) {
			t.Errorf("%s: the output has changed", name)
		}
		result.Release()
		account.Close()
	}
}

func TestSharedMemoryThatIsReadIsInTheBudget(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "o"), make([]byte, large), 0o600); err != nil {
		t.Fatal(err)
	}
	regions := sharedmem.New(dir)
	t.Cleanup(func() { _ = regions.Close() })
	if err := regions.Register(sharedmem.Region{Name: "r", Key: "/o", Size: large}); err != nil {
		t.Fatal(err)
	}
	b := admission.New(10 * large)
	during := int64(0)
	m := infertest.Echo(tensor.Uint8, -1)
	m.Compute = func(context.Context, []tensor.Tensor) (*engine.Result, error) {
		during = b.Used()
		return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{1}, Data: []byte{1}}}}, nil
	}
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": m}, handlertest.Options{SharedMemory: regions})
	run := func(ctx context.Context) error {
		_, err := apis.Runner.Run(ctx, &infer.Request{Model: "m", Inputs: []infer.Input{{
			Name: "x", Tensor: tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{large}}, Region: &infer.Span{Region: "r", Size: large},
		}}})
		return err
	}
	ctx, _ := accounted(t, b)
	if err := run(ctx); err != nil || during != large || b.Used() != 0 {
		t.Errorf("%v, %d bytes were reserved during the run, %d after", err, during, b.Used())
	}
	b.TryReserve(10 * large) // by others
	if err := run(ctx); err == nil {
		t.Error("without room it was run")
	} else if _, ok := overload.RetryAfter(err); !ok {
		t.Errorf("without room: %v", err)
	}
}

// The JSON of an answer is in the budget, and so is what its compression takes.
func TestRESTAnswersWithoutRoomForTheirTextAreRefused(t *testing.T) {
	m := infertest.Echo(tensor.Uint8, -1)
	m.Compute = func(context.Context, []tensor.Tensor) (*engine.Result, error) {
		out := tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{large}, Data: make([]byte, large)}
		return &engine.Result{Outputs: []tensor.Tensor{out}}, nil
	}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	b := admission.New(20 * large)
	send := func(others int64, coding string) *httptest.ResponseRecorder {
		b.TryReserve(others)
		defer b.Release(others)
		ctx, account := accounted(t, b)
		defer account.Close()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v2/models/m/infer", strings.NewReader(`{"inputs":[{"name":"x","datatype":"UINT8","shape":[1],"data":[1]}]}`))
		r.Header.Set("Accept-Encoding", coding)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, test := range []struct {
		room   int64
		coding string
		status int
	}{
		// The output has one byte for each element, and its text up to four, here two.
		{room: 6 * large, coding: "identity", status: http.StatusOK},
		{room: 4 * large, coding: "identity", status: http.StatusServiceUnavailable},
		{room: 8 * large, coding: "gzip", status: http.StatusOK},
		{room: 6 * large, coding: "gzip", status: http.StatusServiceUnavailable},
	} {
		w := send(20*large-test.room, test.coding)
		if w.Code != test.status || test.status != http.StatusOK && w.Header().Get("Retry-After") != "1" {
			t.Errorf("with %d bytes for %s: %d %.200s", test.room, test.coding, w.Code, w.Body)
		}
		if b.Used() != 0 {
			t.Errorf("%d bytes are reserved after the request", b.Used())
		}
	}
}

// The pixels of an image are reserved while it is decoded, before they are allocated. What
// decoding takes for each slot is not.
func TestDecodedImagesAreInTheBudget(t *testing.T) {
	const side, slot = 4000, 1 << 20
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1, 1, 2, 2)}, handlertest.Options{})
	request := func() *infer.Request {
		return &infer.Request{Model: "m", Form: infer.Scores, TopK: 1, Image: &imageinput.Source{Image: file.Bytes()}}
	}
	b := admission.New(1 << 30)
	ctx, account := accounted(t, b)
	if _, err := apis.Runner.Run(ctx, request()); err != nil || b.Peak() < side*side-slot {
		t.Errorf("%v, %d bytes were reserved", err, b.Peak())
	}
	account.Close()
	if b.Used() != 0 {
		t.Errorf("%d bytes are reserved after the request", b.Used())
	}

	b.TryReserve(1<<30 - large) // by others
	ctx, _ = accounted(t, b)
	if _, err := apis.Runner.Run(ctx, request()); err == nil {
		t.Error("without room: no error")
	} else if _, ok := overload.RetryAfter(err); !ok {
		t.Errorf("without room: %v", err)
	}
	ctx, _ = accounted(t, admission.New(large))
	if _, err := apis.Runner.Run(ctx, request()); !errors.Is(err, admission.ErrTooLarge) {
		t.Errorf("more than the budget: %v", err)
	}
}
