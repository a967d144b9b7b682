package server_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

const mb = 1_000_000

// protocols are the RPC protocols that a client may speak.
var protocols = map[string][]connecthttp.Option{
	connect.ProtocolNameConnect: nil,
	"connect json":              {connecthttp.WithProtoJSON()},
	connect.ProtocolNameGRPC:    {connecthttp.WithGRPC()},
	connect.ProtocolNameGRPCWeb: {connecthttp.WithGRPCWeb()},
}

func predictor(client *http.Client, address string, options ...connecthttp.Option) modelservingconnect.PredictorClient {
	return modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(client, "http://"+address, options...)))
}

// idle waits until nothing is reserved: handlers end after their clients have disconnected.
func idle(t *testing.T, b *admission.Budget) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); b.Used() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are still reserved", b.Used())
		}
	}
}

// wantRefusal asserts that an RPC got the overload error with the time after which to retry.
func wantRefusal(t *testing.T, err error, info *connect.CallInfo) {
	t.Helper()
	if connect.CodeOf(err) != connect.CodeUnavailable || !strings.Contains(err.Error(), "memory-budget") {
		t.Errorf("error %v", err)
	}
	if wait, ok := overload.RetryAfter(err); !ok || wait != time.Second {
		t.Errorf("RetryInfo has %v, %v: %v", wait, ok, err)
	}
	if after := retryAfter(info); after != "1" {
		t.Errorf("Retry-After is %q", after)
	}
	want := "1000"
	if info.Protocol == connect.ProtocolNameConnect {
		want = ""
	}
	if pushback := cmp.Or(info.ResponseHeader().Get("Grpc-Retry-Pushback-Ms"), info.ResponseTrailer().Get("Grpc-Retry-Pushback-Ms")); pushback != want {
		t.Errorf("%s: pushback is %q", info.Protocol, pushback)
	}
}

func TestWithoutRoomARequestIsRefusedInItsOwnForm(t *testing.T) {
	b := admission.New(100 * mb)
	address, _ := start(t, server.Options{Budget: b})
	b.TryReserve(100 * mb)
	for name, options := range protocols {
		for _, h2c := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, h2c), func(t *testing.T) {
				client := predictor(httpClient(t, h2c), address, options...)
				ctx, info := connect.NewClientContext(t.Context())
				// Large enough that a client still sends when it is answered.
				_, err := client.FastPredict(ctx, &modelserving.FastInferenceRequest{RawImage: make([]byte, 10*mb)})
				wantRefusal(t, err, info)
			})
		}
		t.Run("stream, "+name, func(t *testing.T) {
			ctx, info := connect.NewClientContext(t.Context())
			stream, err := predictor(httpClient(t, true), address, options...).StreamPredict(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			_ = stream.Send(&modelserving.InferenceRequest{Id: "1"}) // the response reports the outcome
			_, err = stream.Receive()
			wantRefusal(t, err, info)
		})
	}
	if b.Used() != 100*mb {
		t.Errorf("the refused ones changed what is reserved to %d", b.Used())
	}
	// A request without a message and a health check are served.
	if status, _ := get(t, "http://"+address+"/v2/models"); status != http.StatusOK {
		t.Errorf("without a body: %d", status)
	}
	if status, text := do(t, http.MethodPost, "http://"+address+"/grpc.health.v1.Health/Check", strings.NewReader(`{"service":""}`), "Content-Type", "application/json"); status != http.StatusOK {
		t.Errorf("health: %d %s", status, text)
	}
	b.Release(100 * mb)
	if _, err := grpcClient(t, address).FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, 10*mb)}); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}

// gRPC clients retry transparently only after a Trailers-Only response.
func TestRefusalOverGRPCIsTrailersOnly(t *testing.T) {
	b := admission.New(10 * mb)
	address, _ := start(t, server.Options{Budget: b})
	b.TryReserve(10 * mb)
	call := func(body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		res, err := httpClient(t, true).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := call("\x00\x00\x00\x00\x00")
	if res.Trailer.Get("Grpc-Status") != "0" || res.Header.Get("Grpc-Status") != "" {
		t.Errorf("a message of no bytes, which takes no memory: headers %v, trailers %v", res.Header, res.Trailer)
	}
	res = call("\x00\x00\x00\x00\x0a0123456789")
	if h := res.Header; h.Get("Grpc-Status") != "14" || h.Get("Grpc-Retry-Pushback-Ms") != "1000" || h.Get("Retry-After") != "1" || h.Get("Grpc-Status-Details-Bin") == "" {
		t.Errorf("the headers are %v", h)
	}
	if len(res.Trailer) > 0 {
		t.Errorf("trailers follow the headers: %v", res.Trailer)
	}
}

// A client that waits for 100 Continue is rejected before it has sent.
func TestRefusedBodyIsNotAskedFor(t *testing.T) {
	b := admission.New(10 * mb)
	address, _ := start(t, server.Options{Budget: b})
	b.TryReserve(10 * mb)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /modelserving.Predictor/FastPredict HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
}

// More than the whole budget never fits: a retry does not help.
func TestMoreThanTheBudgetIsTooLarge(t *testing.T) {
	address, _ := start(t, server.Options{Budget: admission.New(4 * mb)})
	// On the fast path a message is in memory once, else twice.
	rooms := map[string]string{connect.ProtocolNameConnect: "4000000", "connect json": "2000000", connect.ProtocolNameGRPC: "4000000", connect.ProtocolNameGRPCWeb: "4000000"}
	for name, options := range protocols {
		_, err := predictor(httpClient(t, true), address, options...).FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, 5*mb)})
		if _, retry := overload.RetryAfter(err); connect.CodeOf(err) != connect.CodeResourceExhausted || retry || !strings.Contains(err.Error(), rooms[name]+" (memory-budget)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// So is one of unknown length, as soon as it is known.
	status, text := do(t, http.MethodPost, "http://"+address+"/v2/models", io.MultiReader(bytes.NewReader(make([]byte, 3*mb))))
	if status != http.StatusOK || !strings.Contains(text, "2000000 (memory-budget)") {
		t.Errorf("of unknown length: %d %s", status, text)
	}
	if _, text := do(t, http.MethodPost, "http://"+address+"/v2/models", io.MultiReader(bytes.NewReader(make([]byte, 2*mb)))); !strings.HasSuffix(text, " 2000000 <nil>") {
		t.Errorf("as many as fit: %s", text)
	}
}

// retryAfter returns Retry-After from a response's metadata, wherever the protocol has it.
func retryAfter(info *connect.CallInfo) string {
	return cmp.Or(info.ResponseHeader().Get("Retry-After"), info.ResponseTrailer().Get("Retry-After"))
}

// uploader sends one message in the form of one protocol. Many share its bytes.
type uploader struct {
	client      *http.Client
	contentType string
	body        []byte
}

// upload sends the message, and retries while the server asks for it. It calls refused before
// each retry.
func (u *uploader) upload(ctx context.Context, address string, refused func()) error {
	for attempt := time.Duration(1); ; attempt++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", bytes.NewReader(u.body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", u.contentType)
		res, err := u.client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil {
			return err
		}
		status := cmp.Or(res.Header.Get("Grpc-Status"), res.Trailer.Get("Grpc-Status"))
		if res.StatusCode != http.StatusServiceUnavailable && status != "14" {
			if res.StatusCode == http.StatusOK && (status == "" || status == "0") {
				return nil
			}
			return fmt.Errorf("%s %v %v", res.Status, res.Header, res.Trailer)
		}
		refused()
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			return fmt.Errorf("%s without a time to retry: %v", res.Status, res.Header)
		}
		// Not all at the same moment, or most would be rejected again.
		time.Sleep(time.Duration(seconds)*time.Second + rand.N(attempt*time.Second))
	}
}

func TestManyUploadsStayWithinTheBudget(t *testing.T) {
	b := admission.New(48 * mb) // for four of 10 MB, each of which reserves 10 MiB, an eighth more, and 16 KiB
	// Admitted uploads stay until one has been rejected.
	refusal := make(chan struct{})
	first := sync.OnceFunc(func() { close(refusal) })
	// How fast 64 uploads arrive depends on the machine.
	address, _ := startService(t, service{during: func() { <-refusal }}, server.Options{Budget: b, TransferGrace: time.Hour})
	message, err := proto.Marshal(&modelserving.FastInferenceRequest{RawImage: make([]byte, 10*mb-100)})
	if err != nil {
		t.Fatal(err)
	}
	enveloped := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	h1, h2 := httpClient(t, false), httpClient(t, true)
	uploaders := []uploader{
		{h1, "application/proto", message},
		{h2, "application/proto", message},
		{h2, "application/grpc+proto", enveloped},
		{h1, "application/grpc-web+proto", enveloped},
	}
	var refused atomic.Int64
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			u := &uploaders[i%len(uploaders)]
			if err := u.upload(t.Context(), address, func() { refused.Add(1); first() }); err != nil {
				t.Errorf("upload %d, %s: %v", i, u.contentType, err)
			}
		})
	}
	group.Wait()
	t.Logf("%d requests to retry", refused.Load())
	if refused.Load() == 0 || b.Peak() > b.Limit() || b.Peak() < b.Limit()-mb {
		t.Errorf("%d were refused, at most %d bytes were reserved", refused.Load(), b.Peak())
	}
	idle(t, b)
}

// A stream is not read while there is no memory for its next message.
func TestStreamWaitsForRoom(t *testing.T) {
	b := admission.New(3 * mb)
	gate := make(chan struct{})
	address, _ := startService(t, service{during: func() { <-gate }}, server.Options{Budget: b})
	for _, name := range []string{connect.ProtocolNameConnect, connect.ProtocolNameGRPC, connect.ProtocolNameGRPCWeb} {
		stream, err := predictor(httpClient(t, true), address, protocols[name]...).StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const frames = 20
		sent := make(chan error, 1)
		go func() {
			for i := range frames {
				if err := stream.Send(&modelserving.InferenceRequest{Id: strconv.Itoa(i), RawImage: make([]byte, mb)}); err != nil {
					sent <- err
					return
				}
			}
			sent <- stream.CloseSend()
		}()
		for i := range frames {
			gate <- struct{}{}
			res, err := stream.Receive()
			if err != nil || res.GetId() != strconv.Itoa(i) {
				t.Fatalf("%s: answer %d is %v, %v", name, i, res, err)
			}
		}
		if err := <-sent; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the end is %v", name, err)
		}
		stream.Close()
	}
	idle(t, b)
	if b.Peak() > b.Limit() {
		t.Errorf("%d were reserved of %d", b.Peak(), b.Limit())
	}
}

// Messages to idle streams stay unread, without a reservation: for all connections together they
// are bounded by the budget, too.
func TestUnreadMessagesAreBoundedByTheBudget(t *testing.T) {
	const streams, each = 6, 15 * mb // more than is held for a budget so small
	address, _ := start(t, server.Options{Budget: admission.New(30 * mb)})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ended := make(chan error, streams)
	for range streams {
		go func() {
			stream, err := grpcClient(t, address).StreamPredict(ctx)
			if err == nil {
				defer stream.Close()
				_ = stream.Send(&modelserving.InferenceRequest{Id: "rest"})
				_ = stream.Send(&modelserving.InferenceRequest{RawImage: make([]byte, each)})
				_, err = stream.Receive()
			}
			ended <- err
		}()
	}
	if err := <-ended; connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("error %v", err)
	}
	cancel()
	for range streams - 1 {
		if err := <-ended; err == nil {
			t.Error("an idle stream ended without an error")
		}
	}
}

func TestLaterMessageLargerThanTheBudgetEndsTheStream(t *testing.T) {
	b := admission.New(3 * mb)
	address, _ := start(t, server.Options{Budget: b})
	stream, err := grpcClient(t, address).StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for _, size := range []int{mb, 4 * mb} {
		_ = stream.Send(&modelserving.InferenceRequest{RawImage: make([]byte, size)}) // the response reports the outcome
		_, err = stream.Receive()
	}
	if connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.Contains(err.Error(), "3000000 (memory-budget)") {
		t.Errorf("error %v", err)
	}
	idle(t, b)
}

// A stream may be idle between its messages, but not while it holds memory for one.
func TestStreamThatIsIdleWithinAMessageIsCutOff(t *testing.T) {
	b := admission.New(10 * mb)
	address, _ := start(t, server.Options{Budget: b, TransferGrace: 200 * time.Millisecond})
	reader, writer := io.Pipe()
	defer writer.Close()
	go func() {
		_, _ = writer.Write([]byte{0, 0, 0x10, 0, 0}) // a message of 1 MiB
		_, _ = writer.Write(make([]byte, 10))
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/modelserving.Predictor/StreamPredict", reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	res, err := httpClient(t, true).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // the headers or the trailers say how it ended
	if response := fmt.Sprint(res.Header, res.Trailer); !strings.Contains(response, "too slowly: 10 bytes") {
		t.Error(response)
	}
	idle(t, b)
}

// The maximum that a compressed message can decompress to is reserved first, and the excess is
// released when its size is known.
func TestCompressedMessages(t *testing.T) {
	b := admission.New(200 * mb)
	var during int64
	address, _ := startService(t, service{during: func() { during = b.Used() }}, server.Options{Budget: b, MaxMessageBytes: 20 * mb})
	// A part that does not compress, and much that does.
	image := make([]byte, 3*mb)
	_, _ = rand.NewChaCha8([32]byte{}).Read(image[:mb/10]) // it has no error
	for name, options := range protocols {
		client := predictor(httpClient(t, true), address, append(slices.Clone(options), connecthttp.WithSendGzip())...)
		if _, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: image}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if during < 6*mb || during > 9*mb {
			t.Errorf("%s: for 3 MB %d bytes are reserved", name, during)
		}
		idle(t, b)
	}
	if b.Peak() < 40*mb {
		t.Errorf("only %d bytes were reserved before the size was known", b.Peak())
	}
}

// Calls of all kinds, some of them canceled at any moment, leave nothing reserved.
func TestNothingStaysReserved(t *testing.T) {
	b := admission.New(mb)
	address, _ := start(t, server.Options{Budget: b, MaxMessageBytes: mb / 4, TransferGrace: time.Second})
	names := slices.Sorted(maps.Keys(protocols))
	clients := map[bool]*http.Client{false: httpClient(t, false), true: httpClient(t, true)}
	var group sync.WaitGroup
	for worker := range 10 {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		group.Go(func() {
			for call := range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				if random.IntN(3) == 0 {
					time.AfterFunc(time.Duration(random.IntN(5))*time.Millisecond, cancel)
				}
				h2c := random.IntN(2) == 0
				options := slices.Clone(protocols[names[call%len(names)]])
				if random.IntN(3) == 0 {
					options = append(options, connecthttp.WithSendGzip())
				}
				oneOfAllKinds(ctx, random, clients[h2c], h2c, address, options)
				cancel()
			}
		})
	}
	group.Wait()
	idle(t, b)
	if b.Peak() == 0 || b.Peak() > b.Limit() {
		t.Errorf("at most %d were reserved of %d", b.Peak(), b.Limit())
	}
}

// oneOfAllKinds makes a call. How it ends is not what matters.
func oneOfAllKinds(ctx context.Context, random *rand.Rand, client *http.Client, h2c bool, address string, options []connecthttp.Option) {
	image := make([]byte, random.IntN(mb/3))
	rpc := predictor(client, address, options...)
	switch kind := random.IntN(4); {
	case kind == 0:
		_, _ = rpc.FastPredict(ctx, &modelserving.FastInferenceRequest{ModelName: "panic", RawImage: image})
	case kind == 1 && h2c:
		stream, err := rpc.StreamPredict(ctx)
		if err != nil {
			return
		}
		for range 3 {
			_ = stream.Send(&modelserving.InferenceRequest{RawImage: image})
		}
		_ = stream.CloseSend()
		_, _ = stream.Receive()
		_ = stream.Close()
	case kind == 2:
		// Of unknown length, to the REST API.
		path := [...]string{"/v2/models", "/v2/panic"}[random.IntN(2)]
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, io.MultiReader(bytes.NewReader(image)))
		if err != nil {
			return
		}
		if res, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	default:
		_, _ = rpc.FastPredict(ctx, &modelserving.FastInferenceRequest{RawImage: image})
	}
}
