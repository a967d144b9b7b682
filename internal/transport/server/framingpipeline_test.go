package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// A request of ambiguous length is the last of its connection at any place in the server's buffer,
// and behind bodies of any content.
func TestRequestsOfAmbiguousLengthAreTheLastOfAPipeline(t *testing.T) {
	address, _ := start(t, server.Options{})
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(11, uint64(client)))
			for range 60 {
				var text strings.Builder
				before := random.IntN(3)
				for range before {
					text.WriteString(unambiguous(random))
				}
				text.WriteString(ambiguous(random))
				if got := responses(t, address, text.String()+hidden); len(got) > before+1 {
					t.Errorf("%d responses to %d requests: %q", len(got), before+1, got)
				}
			}
		})
	}
	clients.Wait()
}

// around returns a size that fills the server's buffer, which has 4 KiB, in part, once or twice.
func around(random *rand.Rand) int {
	if random.IntN(2) == 0 {
		return 1 + random.IntN(9000)
	}
	return 3900 + random.IntN(500)
}

func requestLine(random *rand.Rand) string {
	paths := []string{"/v2/x", "/livez", "/modelserving.Predictor/FastPredict", "/v2/models/m/infer", "/"}
	return "POST " + paths[random.IntN(len(paths))] + " HTTP/1.1\r\nHost: x\r\n"
}

// unambiguous returns a request of one length, whose body may look like fields.
func unambiguous(random *rand.Rand) string {
	body := strings.Repeat([]string{"\nA", "\nContent-Length: 1\nTransfer-Encoding: chunked\r\n\r\n"}[random.IntN(2)], 9000)[:around(random)]
	if random.IntN(2) == 0 {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", requestLine(random), len(body), body)
	}
	return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", requestLine(random), len(body), body)
}

// ambiguous returns a request with both lengths, with its fields in any order and case.
func ambiguous(random *rand.Rand) string {
	fields := []string{"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Y: " + strings.Repeat("y", around(random)) + "\r\n"}
	for i, change := range []func(string) string{strings.ToUpper, strings.ToLower} {
		if random.IntN(2) == 0 {
			fields[i] = change(fields[i])
		}
	}
	random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return requestLine(random) + strings.Join(fields, "") + "\r\n0\r\n\r\n"
}
