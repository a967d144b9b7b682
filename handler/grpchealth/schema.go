package grpchealth

import (
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// servingStatus is a ServingStatus of the protocol.
type servingStatus protoreflect.EnumNumber

// The statuses, with the protocol's numbers.
const (
	statusUnknown        servingStatus = 0
	statusServing        servingStatus = 1
	statusNotServing     servingStatus = 2
	statusServiceUnknown servingStatus = 3 // in responses of Watch
)

// schema is the protocol's grpc/health/v1/health.proto.
var schema = mustBuild(&descriptorpb.FileDescriptorProto{
	Name: new("grpc/health/v1/health.proto"), Package: new("grpc.health.v1"), Syntax: new("proto3"),
	MessageType: []*descriptorpb.DescriptorProto{
		message("HealthCheckRequest", field("service", descriptorpb.FieldDescriptorProto_TYPE_STRING, "")),
		{
			Name:  new("HealthCheckResponse"),
			Field: []*descriptorpb.FieldDescriptorProto{field("status", descriptorpb.FieldDescriptorProto_TYPE_ENUM, "HealthCheckResponse.ServingStatus")},
			EnumType: []*descriptorpb.EnumDescriptorProto{{Name: new("ServingStatus"), Value: []*descriptorpb.EnumValueDescriptorProto{
				value("UNKNOWN", statusUnknown), value("SERVING", statusServing), value("NOT_SERVING", statusNotServing), value("SERVICE_UNKNOWN", statusServiceUnknown),
			}}},
		},
		message("HealthListRequest"),
		{
			Name:  new("HealthListResponse"),
			Field: []*descriptorpb.FieldDescriptorProto{repeated(field("statuses", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, "HealthListResponse.StatusesEntry"))},
			NestedType: []*descriptorpb.DescriptorProto{{
				Name: new("StatusesEntry"), Options: &descriptorpb.MessageOptions{MapEntry: new(true)},
				Field: []*descriptorpb.FieldDescriptorProto{
					field("key", descriptorpb.FieldDescriptorProto_TYPE_STRING, ""),
					numbered(2, field("value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, "HealthCheckResponse")),
				},
			}},
		},
	},
	Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("Health"), Method: []*descriptorpb.MethodDescriptorProto{
		{Name: new("Check"), InputType: typeName("HealthCheckRequest"), OutputType: typeName("HealthCheckResponse")},
		{Name: new("List"), InputType: typeName("HealthListRequest"), OutputType: typeName("HealthListResponse")},
		{Name: new("Watch"), InputType: typeName("HealthCheckRequest"), OutputType: typeName("HealthCheckResponse"), ServerStreaming: new(true)},
	}}},
})

// mustBuild returns the descriptor of a file, without registering it.
func mustBuild(file *descriptorpb.FileDescriptorProto) protoreflect.FileDescriptor {
	built, err := protodesc.NewFile(file, nil)
	if err != nil {
		panic(err) // the file is a constant
	}
	return built
}

func message(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{Name: new(name), Field: fields}
}

// field returns an optional field with the number 1.
func field(name string, kind descriptorpb.FieldDescriptorProto_Type, of string) *descriptorpb.FieldDescriptorProto {
	f := &descriptorpb.FieldDescriptorProto{
		Name: new(name), JsonName: new(name), Number: new(int32(1)),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: kind.Enum(),
	}
	if of != "" {
		f.TypeName = typeName(of)
	}
	return f
}

func repeated(f *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return f
}

func numbered(number int32, f *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	f.Number = new(number)
	return f
}

func value(name string, s servingStatus) *descriptorpb.EnumValueDescriptorProto {
	return &descriptorpb.EnumValueDescriptorProto{Name: new(name), Number: new(int32(s))}
}

func typeName(name string) *string { return new(".grpc.health.v1." + name) }

// The messages and their fields.
var (
	checkRequest  = schema.Messages().ByName("HealthCheckRequest")
	checkResponse = schema.Messages().ByName("HealthCheckResponse")
	listRequest   = schema.Messages().ByName("HealthListRequest")
	listResponse  = schema.Messages().ByName("HealthListResponse")
	serviceField  = checkRequest.Fields().ByNumber(1)
	statusField   = checkResponse.Fields().ByNumber(1)
	statusesField = listResponse.Fields().ByNumber(1)
)

func newCheckResponse(s servingStatus) *dynamicpb.Message {
	m := dynamicpb.NewMessage(checkResponse)
	m.Set(statusField, protoreflect.ValueOfEnum(protoreflect.EnumNumber(s)))
	return m
}

func newListResponse(statuses map[string]servingStatus) *dynamicpb.Message {
	m := dynamicpb.NewMessage(listResponse)
	entries := m.Mutable(statusesField).Map()
	for name, s := range statuses {
		entries.Set(protoreflect.ValueOfString(name).MapKey(), protoreflect.ValueOfMessage(newCheckResponse(s)))
	}
	return m
}
