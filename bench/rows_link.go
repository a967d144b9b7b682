package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/internal/load"
)

const (
	uploadBytes = 32 << 20
	roundTrip   = 40 * time.Millisecond
)

// grpcLink measures uploads over a link with a long round trip.
func grpcLink(ctx context.Context, b *bench) (report.Report, error) {
	uploads := max(2, 2*b.rounds)
	contenders := b.withoutModel(nil)
	first, later := make([][]time.Duration, len(contenders)), make([][]time.Duration, len(contenders))
	for range b.rounds {
		for i, c := range contenders {
			times, err := b.upload(ctx, c, uploads)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			first[i], later[i] = append(first[i], times[0]), append(later[i], times[1:]...)
		}
	}
	t := report.NewTable(1, "server", "first upload", "of a new connection", "later uploads", "of the same connection")
	for i, c := range contenders {
		cells := []string{c.name}
		for _, times := range [][]time.Duration{first[i], later[i]} {
			took := load.Median(times)
			perSecond := int64(uploadBytes / 1e6 / took.Seconds())
			cell := report.Count(perSecond) + " MB/s"
			if c.name == kindTensorwire && perSecond < minUpload {
				b.missed++
				cell += " ✗"
			}
			cells = append(cells, report.Time(took), cell)
		}
		t.Row(cells...)
	}
	return report.Report{
		report.Paragraphf("One request of %d MiB over a link with a round trip of %v and unlimited bandwidth, from the call to the response.", uploadBytes>>20, roundTrip), t,
		report.Paragraphf("`net/http` is Tensorwire with `--http2 net/http`. Target for Tensorwire: at least %d MB/s. The minimum time is one round trip, %v. ✗ marks a missed target.", minUpload, roundTrip),
	}, nil
}

func (b *bench) upload(ctx context.Context, c contender, uploads int) (times []time.Duration, err error) {
	s, err := b.start(ctx, c.path, c.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	base, closeLink, err := delayedLink(ctx, s.base, roundTrip/2)
	if err != nil {
		return nil, err
	}
	defer closeLink()
	grpc, err := dialGRPC(base, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, grpc.close()) }()
	// A small call opens the connection.
	if err := grpc.callEach(ctx, smallBytes); err != nil {
		return nil, err
	}
	req := newIdentityRequest(newPayload(uploadBytes))
	for range uploads {
		start := time.Now()
		if err := infer(ctx, grpc.conns[0], req, hasLength(uploadBytes)); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
	}
	return times, nil
}

// delayedLink starts a TCP proxy to the server at a base, with a base of its own. It delays
// the bytes of both directions and has unlimited bandwidth.
func delayedLink(ctx context.Context, to string, oneWay time.Duration) (base string, closeLink func(), _ error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return // closed
			}
			far, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(to, "http://"))
			if err != nil {
				_ = near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
			conns.Go(func() { delay(far, near, oneWay) })
			conns.Go(func() { delay(near, far, oneWay) })
		}
	})
	return "http://" + listener.Addr().String(), func() {
		stop()
		_ = listener.Close()
		conns.Wait()
	}, nil
}

// delay copies from one connection to another, each byte oneWay later, until one ends.
func delay(to, from net.Conn, oneWay time.Duration) {
	type packet struct {
		data []byte
		due  time.Time
	}
	line := make(chan packet, 4096) // far more than the windows of both ends
	var writing sync.WaitGroup
	writing.Go(func() {
		for p := range line {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close() // so that reading ends
			}
		}
		_ = to.(*net.TCPConn).CloseWrite() // the peer may have closed it
	})
	for {
		data := make([]byte, 256<<10)
		n, err := from.Read(data)
		if n > 0 {
			line <- packet{data[:n], time.Now().Add(oneWay)}
		}
		if err != nil {
			break
		}
	}
	close(line)
	writing.Wait()
}

// grpcIdle measures the memory of idle connections.
func grpcIdle(ctx context.Context, b *bench) (report.Report, error) {
	conns, wait := 1000, 10*time.Second
	if b.quick {
		conns, wait = 100, 100*time.Millisecond
	}
	t := report.NewTable(1, "after", "connections", "grpc-go, each", "Tensorwire, each", "`net/http`, each")
	for _, size := range []int{smallBytes, imageBytes} {
		cells := []string{fmt.Sprintf("one call of %s bytes", report.Count(size)), strconv.Itoa(conns)}
		each := make([][]int64, 3)
		for range b.rounds {
			for i, c := range b.withoutModel(nil) {
				bytes, err := b.idleMemory(ctx, c, conns, size, wait)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
				each[i] = append(each[i], bytes)
			}
		}
		base := load.Median(each[0])
		for i, limit := range []target{{}, {max: maxIdle}, {}} {
			cells = append(cells, b.compared(report.Bytes(load.Median(each[i])), float64(load.Median(each[i])), float64(base), limit))
		}
		t.Row(cells...)
	}
	return report.Report{
		report.Paragraphf("Memory (PSS) of the server with idle connections less that without, %v after the last call, per connection.", wait), t,
		report.Paragraphf("× is against grpc-go; `net/http` is Tensorwire with `--http2 net/http`. Target for Tensorwire: at most %.2f×. %s", maxIdle, missText),
	}, nil
}

// idleMemory returns the memory of each connection on which one call was made.
func (b *bench) idleMemory(ctx context.Context, c contender, conns, size int, wait time.Duration) (each int64, err error) {
	s, err := b.start(ctx, c.path, c.args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	one, errOne := dialGRPC(s.base, 1)
	all, errAll := dialGRPC(s.base, conns) // connects on demand
	if err := errors.Join(errOne, errAll); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	// The first call allocates what is shared by all connections.
	err = errors.Join(one.callEach(ctx, size), one.close())
	before, _, errBefore := s.Memory()
	if err := errors.Join(err, errBefore, all.callEach(ctx, size)); err != nil {
		return 0, err
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, _, err := s.Memory()
	return (after - before) / int64(conns), err
}

// callEach makes one call on each connection, four at a time.
func (c *grpcClient) callEach(ctx context.Context, size int) error {
	const workers = 4
	req := newIdentityRequest(newPayload(size))
	errs := make([]error, workers)
	var calls sync.WaitGroup
	for worker := range workers {
		calls.Go(func() {
			for i := worker; i < len(c.conns) && errs[worker] == nil; i += workers {
				errs[worker] = infer(ctx, c.conns[i], req, hasLength(size))
			}
		})
	}
	calls.Wait()
	return errors.Join(errs...)
}
