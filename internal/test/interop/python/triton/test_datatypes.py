"""Every datatype in both directions: raw, as JSON, and in the protocol's typed fields."""

import ml_dtypes
import numpy as np
import pytest
import tritonclient.grpc
from conftest import ADDRESS, DATATYPES
from tritonclient.grpc import service_pb2, service_pb2_grpc

SHAPES = [(2, 3), (1, 1), (0, 3), (3, 0)]

STRINGS = [b"", b"plain", "Größe 尺寸".encode(), b"nul\x00inside", b"x" * 70_000, b'"\\\n\x1f']

# The field of InferTensorContents by datatype.
FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def values(datatype, shape):
    """Return an array with the datatype's limits, as many as fit."""
    dtype = DATATYPES[datatype]
    count = int(np.prod(shape))
    if datatype == "BYTES":
        flat = np.empty(count, dtype=object)
        flat[:] = STRINGS[:count]
    elif datatype == "BOOL":
        flat = np.arange(count) % 2 == 1
    else:
        limits = (np.iinfo if np.issubdtype(dtype, np.integer) else ml_dtypes.finfo)(dtype)
        some = [limits.min, limits.max, 0, 1, 3, 7]
        flat = np.array(some[:count], dtype=dtype)
    return flat.reshape(shape)


def model(datatype):
    return f"identity_{datatype.lower()}"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("datatype", DATATYPES)
def test_raw(client, datatype, shape):
    sent = values(datatype, shape)
    got = client.infer(model(datatype), {"INPUT0": sent}).as_numpy("OUTPUT0")
    assert got.dtype == sent.dtype
    np.testing.assert_array_equal(got, sent)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("datatype", [d for d in DATATYPES if d != "BF16"])  # the client sends BF16 only raw
def test_json(http_client, datatype, shape):
    sent = values(datatype, shape)
    result = http_client.infer(model(datatype), {"INPUT0": sent}, outputs=["OUTPUT0"], binary=False)
    assert "data" in result.get_output("OUTPUT0")
    got = result.as_numpy("OUTPUT0")
    if datatype == "BYTES":
        sent = np.array([s.decode() for s in sent.flat], dtype=object).reshape(shape)
    np.testing.assert_array_equal(got, sent)


@pytest.mark.parametrize("sent_binary", [True, False])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_json_not_finite(http_client, datatype, sent_binary):
    sent = np.array([[np.nan, np.inf, -np.inf, -0.0]], dtype=DATATYPES[datatype])
    tensors = [http_client.input("INPUT0", sent, sent_binary)]
    result = http_client.call("infer", model(datatype), tensors, outputs=[http_client.output("OUTPUT0", binary=False)])
    got = result.as_numpy("OUTPUT0")
    np.testing.assert_array_equal(got, sent)
    assert np.signbit(got[0, 3])


def test_json_output_of_bf16(http_client):
    sent = np.array([[1.5, -2, 3e38]], dtype=ml_dtypes.bfloat16)
    tensors = [http_client.input("INPUT0", sent)]
    result = http_client.call("infer", "identity_bf16", tensors, outputs=[http_client.output("OUTPUT0", binary=False)])
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), sent)


def test_bytes_that_are_not_text(client):
    sent = np.array([[b"\xff\xfe", b"\x00\x01\x02\x03", bytes(range(256))]], dtype=object)
    np.testing.assert_array_equal(client.infer("identity_bytes", {"INPUT0": sent}).as_numpy("OUTPUT0"), sent)


def test_fixed_width_strings(client):
    sent = np.array([[b"\x00\x01\x02\x03", b"four"]], dtype=np.bytes_)
    np.testing.assert_array_equal(client.infer("identity_bytes", {"INPUT0": sent}).as_numpy("OUTPUT0"), sent.astype(object))


@pytest.mark.parametrize("binary", [True, False])
def test_arithmetic_on_strings(client, binary):
    numbers = np.array([[str(i).encode() for i in range(16)]], dtype=object)
    ones = np.array([[b"1"] * 16], dtype=object)
    result = client.infer("simple_string", {"INPUT0": numbers, "INPUT1": ones}, ["OUTPUT0", "OUTPUT1"], binary)
    assert [int(v) for v in result.as_numpy("OUTPUT0").flat] == list(range(1, 17))
    assert [int(v) for v in result.as_numpy("OUTPUT1").flat] == list(range(-1, 15))


@pytest.mark.parametrize("binary", [True, False])
def test_scalar(client, binary):
    sent = np.array(2.5, dtype=np.float32)
    got = client.infer("scalar", {"INPUT0": sent}, ["OUTPUT0"], binary).as_numpy("OUTPUT0")
    assert got.shape == () and got == sent


@pytest.mark.parametrize("datatype", FIELDS)
def test_typed_contents(datatype):
    sent = values(datatype, (2, 3))
    request = service_pb2.ModelInferRequest(model_name=model(datatype))
    tensor = request.inputs.add(name="INPUT0", datatype=datatype, shape=sent.shape)
    getattr(tensor.contents, FIELDS[datatype]).extend(sent.flatten().tolist())
    with tritonclient.grpc.grpc.insecure_channel(ADDRESS) as channel:
        response = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert len(response.raw_output_contents) == 1, "clients read only raw outputs"
    np.testing.assert_array_equal(tritonclient.grpc.InferResult(response).as_numpy("OUTPUT0"), sent)
