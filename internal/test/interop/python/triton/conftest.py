"""Shared by the tests: the four clients of tritonclient with one interface."""

import asyncio
import contextlib
import os

import ml_dtypes
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

ADDRESS = os.environ["INTEROP_ADDRESS"]  # allows model control and shared memory
STRICT_ADDRESS = os.environ["INTEROP_STRICT_ADDRESS"]  # allows neither
MODELS = os.environ["INTEROP_MODELS"]  # the repository of both

KINDS = ["grpc", "grpc.aio", "http", "http.aio"]

DATATYPES = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}

# The status codes by client.
CODES = {
    "invalid": {"400", "StatusCode.INVALID_ARGUMENT"},
    "not found": {"404", "StatusCode.NOT_FOUND"},
    "unsupported": {"501", "StatusCode.UNIMPLEMENTED"},
    "unavailable": {"503", "StatusCode.UNAVAILABLE"},
}

NUMBERS = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), dtype=np.int32)


class Client:
    """One of tritonclient's clients. call() runs a method, also of asyncio clients."""

    def __init__(self, kind, address=ADDRESS, **options):
        self.kind = kind
        self.http = kind.startswith("http")
        self.library = tritonclient.http if self.http else tritonclient.grpc
        self.loop = None
        if not kind.endswith(".aio"):
            self.triton = self.library.InferenceServerClient(address, **options)
            return

        async def make():  # asyncio clients need a running loop
            return self.library.aio.InferenceServerClient(address, **options)

        self.loop = asyncio.new_event_loop()
        self.triton = self.loop.run_until_complete(make())

    def call(self, method, *args, **kwargs):
        result = getattr(self.triton, method)(*args, **kwargs)
        return self.loop.run_until_complete(result) if self.loop else result

    def get(self, method, *args, **kwargs):
        """Return the response as Python's built-in types, for every client."""
        if not self.http:
            kwargs["as_json"] = True
        return self.call(method, *args, **kwargs)

    def index(self):
        """Return the repository's index as name -> entries."""
        entries = self.get("get_model_repository_index")
        models = {}
        for entry in entries if self.http else entries["models"]:
            models.setdefault(entry["name"], []).append(entry)
        return models

    def input(self, name, array, binary=True):
        tensor = self.library.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        if self.http:
            return tensor.set_data_from_numpy(array, binary_data=binary)
        return tensor.set_data_from_numpy(array)

    def output(self, name, binary=True, **kwargs):
        if self.http:
            kwargs["binary_data"] = binary
        return self.library.InferRequestedOutput(name, **kwargs)

    def infer(self, model, inputs, outputs=None, binary=True, **kwargs):
        """Run model on arrays by name; outputs are names or results of output()."""
        tensors = [self.input(name, array, binary) for name, array in inputs.items()]
        if outputs is not None:
            outputs = [self.output(o, binary) if isinstance(o, str) else o for o in outputs]
        return self.call("infer", model, tensors, outputs=outputs, **kwargs)

    def add(self, model="simple", **kwargs):
        """Compute NUMBERS + ONES and NUMBERS - ONES with a model of Triton's examples."""
        return self.infer(model, {"INPUT0": NUMBERS, "INPUT1": ONES}, **kwargs)

    def close(self):
        if self.loop:
            self.call("close")
            self.loop.close()
        else:
            self.triton.close()


def check_sums(result):
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), NUMBERS + 1)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), NUMBERS - 1)


@contextlib.contextmanager
def fails(code, *texts):
    """The body must raise an error with this code that contains the texts."""
    with pytest.raises(InferenceServerException) as caught:
        yield caught
    error = caught.value
    assert error.status() in CODES[code], error
    for text in texts:
        assert text in error.message(), error


@pytest.fixture(scope="session", params=KINDS)
def client(request):
    client = Client(request.param)
    yield client
    client.close()


@pytest.fixture(scope="session", params=["grpc", "grpc.aio"])
def grpc_client(request):
    client = Client(request.param)
    yield client
    client.close()


@pytest.fixture(scope="session", params=["http", "http.aio"])
def http_client(request):
    client = Client(request.param)
    yield client
    client.close()


@pytest.fixture(scope="session", params=KINDS)
def strict(request):
    client = Client(request.param, STRICT_ADDRESS)
    yield client
    client.close()
