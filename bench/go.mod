// The comparison with grpc-go's server, in a module of its own: grpc-go stays out of the
// product's dependencies.
module github.com/tensorwire/tensorwire/bench

go 1.26.0

require (
	connectrpc.com/connect/v2 v2.0.2
	github.com/tensorwire/tensorwire v0.0.0
	google.golang.org/grpc v1.85.0
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260825221802-da73d73af1c5 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/tensorwire/tensorwire => ../
