package chaos_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2/connecthttp"
)

// What TestManyWorkersShareTheCPUs measures.
const (
	workersBeside = 50
	shareRounds   = 15
	shareRound    = 500 * time.Millisecond
	shareCallers  = 4
)

// One of many models in workers of their own is as fast as alone, and when all are busy each is
// answered: the test prints requests, CPU time and the spread between the models.
func TestManyWorkersShareTheCPUs(t *testing.T) {
	if os.Getenv(soakVariable) == "" {
		t.Skip("takes a minute: run make soak")
	}
	alone, many := crowded(t, 1), crowded(t, workersBeside)
	for range shareRounds { // in turns: other load affects both alike
		for _, c := range []*busy{alone, many} {
			if err := c.round(t.Context(), 1, shareRound); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("one busy model, alone: %v", alone)
	t.Logf("one busy model of %d: %v", workersBeside, many)
	many.requests, many.cpu = nil, nil
	if err := many.round(t.Context(), workersBeside, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d busy models: each has from %d to %d responses, %v", workersBeside, slices.Min(many.answered), slices.Max(many.answered), many)
	if slices.Min(many.answered) == 0 {
		t.Error("a model is not answered")
	}
}

// busy is a server with models in workers of their own, and what rounds of requests measured.
type busy struct {
	server   *server
	models   []model
	send     send
	answered []int // by model, in the last round
	requests []float64
	cpu      []float64 // seconds of the process tree for each request
}

// crowded starts a server with so many models.
func crowded(t *testing.T, n int) *busy {
	dir, own := t.TempDir(), increment()
	c := &busy{}
	for i := range n {
		m := own
		m.name = fmt.Sprintf("m%02d", i)
		m.config = "parameters { key: \"worker_memory\" value { string_value: \"512MiB\" } }\n" // a worker of its own
		m.ask = func(r *rand.Rand, large bool) request {
			q := own.ask(r, large)
			q.model = m.name
			return q
		}
		if err := m.write(dir, 1); err != nil {
			t.Fatal(err)
		}
		c.models = append(c.models, m)
	}
	c.server = start(t, dir, false, "--isolation", "version")
	if err := c.server.waitReady(names(c.models)...); err != nil {
		t.Fatal(err)
	}
	h := httpClient("127.0.0.1", true)
	t.Cleanup(h.CloseIdleConnections)
	c.send = overRPC(h, "http://"+c.server.address, false, connecthttp.WithGRPC())
	return c
}

// round sends requests to the first n models for a while.
func (c *busy) round(ctx context.Context, n int, duration time.Duration) error {
	before, err := treeCPU(c.server.pid)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	c.answered = make([]int, n)
	results := make(chan error, n*shareCallers)
	counts := make([][shareCallers]int, n)
	for i := range n {
		for caller := range shareCallers {
			r := rand.New(rand.NewPCG(uint64(i), uint64(caller)))
			go func() {
				var err error
				for err == nil && ctx.Err() == nil {
					if err = c.send(context.WithoutCancel(ctx), c.models[i].ask(r, false)); err == nil {
						counts[i][caller]++
					}
				}
				results <- err
			}()
		}
	}
	for range n * shareCallers {
		if err := <-results; err != nil {
			return err
		}
	}
	after, err := treeCPU(c.server.pid)
	if err != nil {
		return err
	}
	all := 0
	for i, of := range counts {
		for _, n := range of {
			c.answered[i] += n
		}
		all += c.answered[i]
	}
	c.requests = append(c.requests, float64(all)/duration.Seconds())
	c.cpu = append(c.cpu, (after-before)/float64(all))
	return nil
}

// String returns the medians of the rounds.
func (c *busy) String() string {
	median := func(of []float64) float64 {
		sorted := slices.Sorted(slices.Values(of))
		return sorted[len(sorted)/2]
	}
	return fmt.Sprintf("%.0f requests/s, %.0f us of CPU for each", median(c.requests), 1e6*median(c.cpu))
}

// treeCPU returns the seconds of CPU that a server and its workers have used.
func treeCPU(pid int) (seconds float64, err error) {
	const utime, stime, perSecond = 11, 12, 100 // proc(5), counted from the state; USER_HZ
	pids := []int{pid}
	for _, c := range children(pid) {
		pids = append(pids, c.pid)
	}
	for _, pid := range pids {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
		for _, field := range []int{utime, stime} {
			ticks, err := strconv.ParseFloat(fields[field], 64)
			if err != nil {
				return 0, err
			}
			seconds += ticks / perSecond
		}
	}
	return seconds, nil
}
