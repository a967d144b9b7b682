package wire

// HealthService is the full name of the service of gRPC's health checking protocol.
const HealthService = "grpc.health.v1.Health"
