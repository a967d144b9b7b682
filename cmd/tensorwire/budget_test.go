package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/test/digitstest"
)

// A request that has reserved the whole memory budget makes the server refuse others, by
// REST and by RPC, until it ends.
func TestMemoryBudgetIsServedByEveryAPI(t *testing.T) {
	p := start(t, "--models", root+"/models", "--memory-budget", "2MB", "--max-message-bytes", "1000000")
	address := strings.TrimPrefix(p.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")

	post := func(path, body string, headers ...string) (int, string, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := newClient(t, false, nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text), res.Header.Get("Retry-After")
	}
	until := func(status int) (text, after string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			got, text, after := post("/v2/models/digits/infer", "{}")
			if got == status {
				return text, after
			}
			if time.Now().After(deadline) {
				t.Fatalf("the answer is still %d %s", got, text)
			}
		}
	}
	// Requests that wait for this with the budget's own bytes could take its room first.
	taken := regexp.MustCompile(`(?m)^tensorwire_memory_budget_used_bytes 2e\+06$`)
	for deadline := time.Now().Add(time.Minute); !taken.MatchString(metrics(t, p)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the upload has not reserved the budget:\n%s", metrics(t, p))
		}
	}
	if text, after := until(http.StatusServiceUnavailable); after != "1" || !strings.HasPrefix(text, `{"error":"`) || !strings.Contains(text, "(memory-budget)") {
		t.Errorf("REST: %s, Retry-After %s", text, after)
	}
	if status, text, after := post("/modelserving.Predictor/FastPredict", "{}", "Content-Type", "application/json"); status != http.StatusServiceUnavailable || after != "1" || !strings.Contains(text, "google.rpc.RetryInfo") {
		t.Errorf("RPC: %d %s, Retry-After %s", status, text, after)
	}
	if text := metrics(t, p); !regexp.MustCompile(`(?m)^tensorwire_memory_budget_refused_total ([2-9]|1\d+)$`).MatchString(text) {
		t.Errorf("refusals are not counted in\n%s", text)
	}
	conn.Close()
	until(http.StatusBadRequest) // there are no inputs: it has been read
}

// The messages of a stream may exceed the budget together: an answered message releases
// its reservation.
func TestStreamIsLongerThanTheBudget(t *testing.T) {
	p := start(t, "--models", root+"/models", "--memory-budget", "100kB", "--max-message-bytes", "50000", "--stream-window", "2")
	picture := digitstest.Load(t, root, 1).PNG(t, 0)
	for name, options := range protocols {
		stream, err := client(newClient(t, true, nil), p.url, options...).StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const frames = 300
		sent := make(chan error, 1)
		go func() {
			for i := range frames {
				// Every third frame is not an image, and its response is an error.
				image := picture
				if i%3 == 0 {
					image = make([]byte, 20_000)
				}
				if err := stream.Send(&modelserving.InferenceRequest{Id: strconv.Itoa(i), RawImage: image}); err != nil {
					sent <- err
					return
				}
			}
			sent <- stream.CloseSend()
		}()
		for i := range frames {
			res, err := stream.Receive()
			if err != nil || res.GetId() != strconv.Itoa(i) || (res.GetError() != nil) != (i%3 == 0) {
				t.Fatalf("%s: answer %d is %v, %v", name, i, res, err)
			}
		}
		if err := <-sent; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		stream.Close()
	}
}
