package grpchealth

import (
	"context"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// watch implements the RPC Watch: it sends the status, and then each change of it. When the
// server drains it sends NOT_SERVING and ends.
func (s *Service) watch(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
	name, err := receiveName(stream)
	if err != nil {
		return err
	}
	peer := telemetry.Peer(ctx)
	if err := s.watches.begin(peer); err != nil {
		return err
	}
	defer s.watches.end(peer)
	ticker := time.NewTicker(s.options.Interval)
	defer ticker.Stop()
	for sent := servingStatus(-1); ; {
		// Both before the look at the status, so that no change is missed.
		changed, draining := s.options.Changes.wait(), s.drains()
		if status := s.statusOf(name); status != sent {
			if err := stream.Send(newCheckResponse(status)); err != nil {
				return err
			}
			sent = status
		}
		if draining {
			return connect.NewError(connect.CodeUnavailable, "the server is stopping")
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-s.lifecycle.Draining():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drains reports whether the server drains.
func (s *Service) drains() bool {
	select {
	case <-s.lifecycle.Draining():
		return true
	default:
		return false
	}
}
