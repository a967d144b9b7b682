package chaos_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// The environment variables of `make chaos` and `make crash-fuzz`.
const (
	timeVariable = "TENSORWIRE_CHAOS"      // how long the traffic takes, such as 10m
	seedVariable = "TENSORWIRE_CHAOS_SEED" // optional: the seed of a run to repeat
)

// seed returns the seed of the run, and prints it.
func seed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("seed %d (%s)", seed, seedVariable)
	return seed
}

// TestChaos takes the time of its variable, half of it with each isolation.
func TestChaos(t *testing.T) {
	text := os.Getenv(timeVariable)
	if text == "" {
		t.Skip("takes minutes: run make chaos")
	}
	whole, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", timeVariable, err)
	}
	seed := seed(t)
	for _, isolation := range []string{"version", "shared"} {
		t.Run(isolation, func(t *testing.T) {
			run{isolation: isolation, seed: seed, traffic: whole / 2, callers: 8, interval: 1500 * time.Millisecond, private: mayMount()}.test(t)
		})
	}
}

// TestChaosSmoke is a short TestChaos.
func TestChaosSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server and takes seconds")
	}
	run{isolation: "version", seed: seed(t), traffic: 4 * time.Second, callers: 4, interval: 500 * time.Millisecond}.test(t)
}

// run is one run against one server.
type run struct {
	isolation string
	seed      uint64
	traffic   time.Duration
	callers   int
	interval  time.Duration // between two faults
	private   bool          // the repository is in a private tmpfs
}

func (o run) test(t *testing.T) {
	binary(t) // skips at once without it
	seedDir := t.TempDir()
	healthy := healthyModels(t)
	crowd := &crowd{crashers: runCrashers(), healthy: healthy}
	versions := map[string]int{}
	for _, m := range healthy {
		if err := m.write(seedDir, 1); err != nil {
			t.Fatal(err)
		}
		versions[m.name] = 1
	}
	for _, m := range crowd.models() {
		if err := m.write(seedDir, 1); err != nil {
			t.Fatal(err)
		}
		versions[m.name] = 1
	}
	if !o.private {
		t.Log("the disk is never full: needs root and mount")
	}
	s := start(t, seedDir, o.private, "--isolation", o.isolation, "--poll-interval", "200ms", "--worker-memory", "512MiB", "--memory-budget", "512MiB")
	crowd.server = s
	c := &chaos{server: s, healthy: healthy, crowd: crowd, versions: versions, counts: map[string]int{}}
	peers := newClients("127.0.0.1")
	defer peers.close()
	traffic := &traffic{models: healthy, roads: peers.roads(s.address), callers: o.callers, seed: o.seed, tally: &tally{roads: map[string]count{}}}

	if err := s.waitReady(names(healthy)...); err != nil {
		t.Fatal(err)
	}
	if err := traffic.everyRoad(t.Context()); err != nil {
		t.Fatalf("before any fault:\n%s", err)
	}
	peers.close()
	if err := poll(settleTime, func() error { return s.idle() }); err != nil {
		t.Fatal(err)
	}
	before, err := s.state()
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), o.traffic)
	defer cancel()
	var faults sync.WaitGroup
	faults.Go(func() { c.run(ctx, c.faults(), o.seed, o.interval) })
	faults.Go(func() { s.watch(ctx, t) })
	traffic.run(ctx)
	faults.Wait()

	if err := c.restore(traffic); err != nil {
		t.Error(err)
	}
	peers.close()
	after, err := s.returned(before)
	if err != nil {
		t.Errorf("the server occupies more than before: %v", err)
	}
	c.report(t, o, traffic.tally, before, after)
}

// restore gives the models new versions and asks for all of them. All models but one leave
// before, so that no worker stays that a fault has separated from others.
func (c *chaos) restore(f *traffic) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	stays, leave := c.healthy[0], append(c.crowd.models(), c.healthy[1:]...)
	for _, m := range leave {
		if err := os.RemoveAll(filepath.Join(c.server.repository, m.name)); err != nil {
			return err
		}
	}
	if err := poll(settleTime, func() error {
		for _, m := range leave {
			if status, _, err := c.server.get("/v2/models/" + m.name + "/ready"); err != nil || status == http.StatusOK {
				return fmt.Errorf("model %s was removed: status %d, %w", m.name, status, err)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, group := range [][]model{leave, {stays}} {
		for _, m := range group {
			c.versions[m.name]++
			if err := m.write(c.server.repository, c.versions[m.name]); err != nil {
				return err
			}
		}
		if err := c.server.waitReady(names(group)...); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	return poll(settleTime, func() error { return f.everyRoad(ctx) })
}

// report prints a summary and fails the test on a violation.
func (c *chaos) report(t *testing.T, o run, tally *tally, before, after state) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	sum := tally.sum()
	fmt.Fprintf(w, "isolation %s, %v, seed %d\n", o.isolation, o.traffic, o.seed)
	fmt.Fprintln(w, "protocol\tright\tretryable\twrong\tfailed\tslowest")
	for _, name := range slices.Sorted(maps.Keys(tally.roads)) {
		row(w, name, tally.roads[name])
	}
	row(w, "all", sum)
	fmt.Fprintln(w, "\nfault\tcount")
	for _, f := range c.faults() {
		fmt.Fprintf(w, "%s\t%d\n", f.name, c.counts[f.name])
		if o.traffic >= time.Minute && c.counts[f.name] == 0 {
			t.Errorf("no fault of the kind %q found its target", f.name)
		}
	}
	fmt.Fprintf(w, "\nbefore\t%v\nafter\t%v\n", before, after)
	for _, name := range []string{"tensorwire_worker_deaths_total", "tensorwire_worker_kills_total", "tensorwire_worker_requests_blamed_total"} {
		v, err := c.server.metric(name)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "%s\t%v\n", name, v)
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	t.Logf("\n%s", text.String())
	for _, violation := range append(tally.violations, c.failures[:min(len(c.failures), maxViolations)]...) {
		t.Errorf("violation: %s", violation)
	}
	if bad := cmp.Or(sum.wrong, sum.failed); bad > 0 || sum.right == 0 {
		t.Errorf("%d right responses, %d wrong, %d without a response or with an error that is not documented as retryable", sum.right, sum.wrong, sum.failed)
	}
}

func row(w *tabwriter.Writer, name string, c count) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%v\n", name, c.right, c.retryable, c.wrong, c.failed, c.slowest.Round(time.Millisecond))
}
