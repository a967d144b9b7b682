package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// idle measures what connections cost that nobody uses.
func (b *bench) idle(ctx context.Context) (*report.Report, error) {
	conns, rest := 1000, 10*time.Second
	if b.quick {
		conns, rest = 100, time.Second
	}
	t := report.NewTable(1, "each has made", "connections", "grpc-go, each", "Tensorwire, each")
	for _, used := range []struct {
		name string
		size int
	}{{"one call of 16 bytes", smallBytes}, {"one call of 602,112 bytes", imageBytes}} {
		contenders := b.without("idle")
		each := make([][]int64, len(contenders))
		for range b.rounds {
			for i, c := range contenders {
				bytes, err := b.rest(ctx, c, conns, used.size, rest)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
				each[i] = append(each[i], bytes)
			}
		}
		base, ours := report.Median(each[0]), report.Median(each[1])
		t.Row(used.name, strconv.Itoa(conns), report.Bytes(base), atMost(b, report.Bytes(ours), ours, base, mostIdle))
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("Resident memory of the server that is more with so many idle connections than with none, %v after the last call, divided by their number.", rest)), t,
		report.Paragraph("× is against grpc-go, and is to be at most "+fmt.Sprintf("%.2f×. ", mostIdle)+missedText))
	return r, nil
}

// rest returns the memory of each of conns connections on which one call of size bytes
// was made.
func (b *bench) rest(ctx context.Context, c contender, conns, size int, rest time.Duration) (each int64, err error) {
	server, err := c.start(ctx, b)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	// What a first call sets up is no connection's.
	if err := b.useOnce(ctx, server.Base, size); err != nil {
		return 0, err
	}
	before, _, err := server.Memory()
	if err != nil {
		return 0, err
	}
	client, err := dial(server.Base, conns)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	if err := client.callEach(ctx, size); err != nil {
		return 0, err
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, _, err := server.Memory()
	return (after - before) / int64(conns), err
}

// useOnce makes one call on a connection of its own.
func (b *bench) useOnce(ctx context.Context, base string, size int) error {
	client, err := dial(base, 1)
	if err != nil {
		return err
	}
	return errors.Join(client.callEach(ctx, size), client.close())
}

// callEach makes one call on each connection, a few at a time.
func (c *client) callEach(ctx context.Context, size int) error {
	const atOnce = 4
	req := newRequest(newPayload(size))
	errs := make([]error, atOnce)
	var calls sync.WaitGroup
	for worker := range atOnce {
		calls.Go(func() {
			for i := worker; i < len(c.conns) && errs[worker] == nil; i += atOnce {
				one := &client{conns: c.conns[i : i+1]}
				errs[worker] = one.unary(1, req, hasLength(size)).do(ctx, 0)
			}
		})
	}
	calls.Wait()
	return errors.Join(errs...)
}
