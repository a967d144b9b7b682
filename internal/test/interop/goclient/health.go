package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// grpcHealth checks gRPC health of the server and of a model with grpc-go's client, as
// grpc_health_probe does.
func grpcHealth(ctx context.Context, connection *grpc.ClientConn) error {
	const serving = grpc_health_v1.HealthCheckResponse_SERVING
	client := grpc_health_v1.NewHealthClient(connection)
	for _, service := range []string{"", "inference.GRPCInferenceService", "simple", "simple/1"} {
		request := &grpc_health_v1.HealthCheckRequest{Service: service}
		checked, err := client.Check(ctx, request)
		if err != nil {
			return err
		}
		watch, err := client.Watch(ctx, request)
		if err != nil {
			return err
		}
		watched, err := watch.Recv()
		if err != nil {
			return err
		}
		if checked.GetStatus() != serving || watched.GetStatus() != serving {
			return fmt.Errorf("%q: check %v, watch %v", service, checked, watched)
		}
	}
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "nowhere"}); status.Code(err) != codes.NotFound {
		return fmt.Errorf("an unknown name: %w", err)
	}
	list, err := client.List(ctx, &grpc_health_v1.HealthListRequest{})
	if err != nil {
		return err
	}
	for _, service := range []string{"", "grpc.health.v1.Health", "simple"} {
		if list.GetStatuses()[service].GetStatus() != serving {
			return fmt.Errorf("list: %v", list)
		}
	}
	return nil
}
