"""KServe's Python SDK, over REST and gRPC.

In a separate directory and process, because its message names conflict with
tritonclient's.
"""

import asyncio
import os

import grpc
import httpx
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

ADDRESS = os.environ["INTEROP_ADDRESS"]
BASE = f"http://{ADDRESS}"

NUMBERS = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), dtype=np.int32)


class Rest:
    """The REST client with the methods of the gRPC client."""

    def __init__(self):
        self.client = InferenceRESTClient(RESTConfig(protocol="v2"))

    async def infer(self, request):
        return await self.client.infer(BASE, request, model_name=request.model_name)

    def __getattr__(self, method):
        return lambda *args: getattr(self.client, method)(BASE, *args)

    async def close(self):
        await self.client.close()


@pytest.fixture(params=["rest", "grpc"])
def run(request):
    """Run a coroutine function with one of the two clients."""

    def run(body):
        async def with_client():
            client = Rest() if request.param == "rest" else InferenceGRPCClient(url=ADDRESS)
            try:
                return await body(client)
            finally:
                await client.close()

        return asyncio.run(with_client())

    return run


def tensors(arrays, binary):
    made = []
    for name, array in arrays.items():
        tensor = InferInput(name, list(array.shape), "BYTES" if array.dtype == object else array.dtype.name.upper())
        if binary:
            tensor.set_data_from_numpy(array)
        else:
            tensor.data = array.flatten().tolist()
        made.append(tensor)
    return made


def request(model="simple", binary=True, arrays=None, **kwargs):
    arrays = arrays or {"INPUT0": NUMBERS, "INPUT1": ONES}
    return InferRequest(model_name=model, infer_inputs=tensors(arrays, binary), **kwargs)


def check_sums(response):
    np.testing.assert_array_equal(response.get_output_by_name("OUTPUT0").as_numpy(), NUMBERS + 1)
    np.testing.assert_array_equal(response.get_output_by_name("OUTPUT1").as_numpy(), NUMBERS - 1)


def test_health(run):
    async def body(client):
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("simple")
        assert not await client.is_model_ready("nowhere")

    run(body)


@pytest.mark.parametrize("binary", [True, False])
def test_infer(run, binary):
    async def body(client):
        response = await client.infer(request(binary=binary, request_id="kserve-1"))
        check_sums(response)
        assert (response.id, response.model_name) == ("kserve-1", "simple")

    run(body)


def test_binary_outputs(run):
    async def body(client):
        check_sums(await client.infer(request(parameters={"binary_data_output": True})))

    run(body)


@pytest.mark.parametrize("binary", [True, False])
def test_strings(run, binary):
    text = np.array([["a", "", "Größe"]], dtype=object)

    async def body(client):
        response = await client.infer(request("identity_bytes", binary, {"INPUT0": text}))
        got = response.get_output_by_name("OUTPUT0").as_numpy()
        assert [t.decode() if isinstance(t, bytes) else t for t in got.flat] == list(text.flat)

    run(body)


def test_error(run):
    async def body(client):
        with pytest.raises((grpc.RpcError, httpx.HTTPStatusError)) as caught:
            await client.infer(request("nowhere"))
        assert "Request for unknown model" in str(caught.value)

    run(body)


def test_dictionary_over_rest():
    """A request as a dictionary instead of the SDK's types."""

    async def body():
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            inputs = [
                {"name": name, "shape": [1, 16], "datatype": "INT32", "data": array.tolist()}
                for name, array in (("INPUT0", NUMBERS), ("INPUT1", ONES))
            ]
            check_sums(await client.infer(BASE, {"inputs": inputs}, model_name="simple"))

    asyncio.run(body())
