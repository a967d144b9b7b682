// Package grpchealth serves gRPC's health checking protocol, grpc.health.v1.Health
// (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): Check, Watch and List,
// over gRPC, gRPC-Web and Connect.
//
// A health check names one of these, in this order:
//
//   - Nothing, the empty name: the server. It serves when the probe /readyz succeeds.
//   - A service of the server, such as inference.GRPCInferenceService: as the server.
//   - A model: it serves when its newest version that is ready receives requests. A model
//     that has a service's name is found by the name of a version.
//   - A version of a model, <model>/<version>, such as digits/1.
//
// Nothing serves once the server stops.
//
// The messages have the protocol's names, but are not in the program's registry of
// Protobuf, so that a program may contain grpc-go's health package as well.
package grpchealth
