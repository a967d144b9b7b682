"""The Predictor service for Python, by server reflection.

The server describes its service by gRPC reflection, so these examples need no
generated code and no .proto file. To use it, copy this file.

Generated code has completion and type checks, and needs no reflection call. The
calls are the same:

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
        """Get the description of the service from the server at address, "host:port"."""
        with grpc.insecure_channel(address) as channel:
            pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            self.service = pool.FindServiceByName("modelserving.Predictor")
        for name, message in self.service.file.message_types_by_name.items():
            setattr(self, name, GetMessageClass(message))

    def stub(self, channel):
        """Return the service's methods for a channel of grpc or grpc.aio."""
        return Stub(self.service, channel)


class Stub:
    """Has the service's methods as attributes, like a generated stub."""

    def __init__(self, service, channel):
        for method in service.methods:
            # The service's only stream is bidirectional.
            kind = channel.stream_stream if method.client_streaming else channel.unary_unary
            call = kind(
                f"/{service.full_name}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name, call)
