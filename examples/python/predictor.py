"""The Predictor service for Python, learned from the server itself.

The server describes its service by gRPC reflection, so these examples need no
generated code and no .proto file. To use it, copy this file.

With generated code a program gets completion and type checks, and starts without
asking the server first. The calls stay the same:

    pip install grpcio-tools
    python -m grpc_tools.protoc -I api --python_out . --pyi_out . \\
        --grpc_python_out . api/modelserving/predictor.proto

    from modelserving import predictor_pb2, predictor_pb2_grpc
    stub = predictor_pb2_grpc.PredictorStub(channel)
    stub.FastPredict(predictor_pb2.FastInferenceRequest(raw_image=image))
"""

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)


class Predictor:
    """The service's messages, as attributes, and stubs for channels."""

    def __init__(self, address):
        """Ask the server at address, "host:port", to describe the service."""
        with grpc.insecure_channel(address) as channel:
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            self.service = pool.FindServiceByName("modelserving.Predictor")
        for name, message in self.service.file.message_types_by_name.items():
            setattr(self, name, GetMessageClass(message))

    def stub(self, channel):
        """Return the service's methods on a channel of grpc or of grpc.aio."""
        return Stub(self.service, channel)


class Stub:
    """Has a method for each of the service's, as generated stubs do."""

    def __init__(self, service, channel):
        for method in service.methods:
            # The service's only stream goes both ways.
            kind = channel.stream_stream if method.client_streaming else channel.unary_unary
            call = kind(
                f"/{service.full_name}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name, call)
