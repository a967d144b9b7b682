package server

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"
	"connectrpc.com/grpcreflect/v2"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// reflectionPrefix begins the procedures of gRPC reflection, in both its versions.
const reflectionPrefix = "/grpc.reflection."

// reflectServices adds gRPC reflection of the procedures that are registered so far.
func reflectServices(procedures *connect.Server) {
	services := serviceNames(procedures)
	// The schemas are collected at the first request, so that reflection's own is among them.
	schemas := sync.OnceValue(func() *protoregistry.Files { return schemasOf(procedures) })
	grpcreflect.Register(procedures,
		grpcreflect.WithNamer(grpcreflect.NamerFunc(func() []string { return services })),
		grpcreflect.WithDescriptorResolver(&resolver{schemas}),
	)
}

// serviceNames returns the names of the services that have procedures, sorted.
func serviceNames(rpc *connect.Server) []string {
	var names []string
	for spec := range rpc.Specs() {
		service, _, _ := strings.Cut(strings.TrimPrefix(spec.Procedure, "/"), "/")
		names = append(names, service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// schemasOf returns the files that declare the procedures.
func schemasOf(procedures *connect.Server) *protoregistry.Files {
	files := &protoregistry.Files{}
	for spec := range procedures.Specs() {
		method, ok := spec.Schema.(protoreflect.MethodDescriptor)
		if !ok {
			continue
		}
		file := method.ParentFile()
		if _, err := files.FindFileByPath(file.Path()); err != nil {
			_ = files.RegisterFile(file) // names that another file declares are found in that
		}
	}
	return files
}

// resolver finds descriptors in the program's registry, and else in schemas: those of gRPC
// health and of reflection are not registered, because another package of the program may
// register the same names.
type resolver struct{ schemas func() *protoregistry.Files }

var _ protodesc.Resolver = (*resolver)(nil)

// FindFileByPath implements [protodesc.Resolver].
func (r *resolver) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	file, err := protoregistry.GlobalFiles.FindFileByPath(path)
	if errors.Is(err, protoregistry.NotFound) {
		return r.schemas().FindFileByPath(path)
	}
	return file, err
}

// FindDescriptorByName implements [protodesc.Resolver].
func (r *resolver) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if errors.Is(err, protoregistry.NotFound) {
		return r.schemas().FindDescriptorByName(name)
	}
	return descriptor, err
}
