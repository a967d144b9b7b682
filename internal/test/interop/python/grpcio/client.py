"""A typical grpcio client: blocking, then with asyncio.

It calls a server with the models of make interop.

usage: client.py HOST:PORT [CA.PEM]

With the certificate of the server's CA, it uses TLS.
"""

import asyncio
import sys
from pathlib import Path

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as services

# gRPC's default limit for received messages is 4 MB.
OPTIONS = [("grpc.max_receive_message_length", 32 << 20)]
TIMEOUT = 60


def request(values, model="identity_fp32"):
    message = messages.ModelInferRequest(model_name=model)
    message.inputs.add(name="INPUT0", datatype="FP32", shape=values.shape)
    message.raw_input_contents.append(values.tobytes())
    return message


SMALL = np.arange(6, dtype=np.float32).reshape(2, 3)
LARGE = np.arange(5_000_000, dtype=np.float32).reshape(1, -1)
FRAMES = [request(SMALL), request(SMALL, "nowhere"), request(SMALL)]


def check(values, response):
    assert response.raw_output_contents[0] == values.tobytes(), "the response has another tensor"


def check_stream(responses):
    assert len(responses) == len(FRAMES), f"{len(responses)} responses"
    check(SMALL, responses[0].infer_response)
    assert responses[1].error_message, "no error for the unknown model"
    check(SMALL, responses[2].infer_response)


def blocking(channel):
    stub = services.GRPCInferenceServiceStub(channel)
    for values in SMALL, LARGE:
        check(values, stub.ModelInfer(request(values), timeout=TIMEOUT))
    check(LARGE, stub.ModelInfer(request(LARGE), timeout=TIMEOUT, compression=grpc.Compression.Gzip))
    try:
        stub.ModelInfer(FRAMES[1], timeout=TIMEOUT)
        raise AssertionError("no error for the unknown model")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    check_stream(list(stub.ModelStreamInfer(iter(FRAMES), timeout=TIMEOUT)))


async def concurrent(channel):
    stub = services.GRPCInferenceServiceStub(channel)
    calls = [(values, stub.ModelInfer(request(values), timeout=TIMEOUT)) for values in (SMALL, LARGE) * 3]
    for values, call in calls:
        check(values, await call)
    try:
        await stub.ModelInfer(FRAMES[1], timeout=TIMEOUT)
        raise AssertionError("no error for the unknown model")
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    check_stream([response async for response in stub.ModelStreamInfer(iter(FRAMES), timeout=TIMEOUT)])


async def with_asyncio(address, credentials):
    if credentials:
        channel = grpc.aio.secure_channel(address, credentials, OPTIONS)
    else:
        channel = grpc.aio.insecure_channel(address, OPTIONS)
    async with channel:
        await concurrent(channel)


def main(address, *authority):
    credentials = grpc.ssl_channel_credentials(Path(authority[0]).read_bytes()) if authority else None
    channel = grpc.secure_channel(address, credentials, OPTIONS) if credentials else grpc.insecure_channel(address, OPTIONS)
    with channel:
        blocking(channel)
    print("ok: blocking")
    asyncio.run(with_asyncio(address, credentials))
    print("ok: asyncio")


main(*sys.argv[1:])
