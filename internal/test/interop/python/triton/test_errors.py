"""Bad requests: each error has the protocol's code and names the problem."""

import json
import urllib.error
import urllib.request

import numpy as np
import pytest
import tritonclient.grpc
from conftest import ADDRESS, NUMBERS, ONES, fails
from tritonclient.grpc import service_pb2, service_pb2_grpc


def test_unknown_model(client):
    with fails("not found") as caught:
        client.add("nowhere")
    assert caught.value.message().startswith("Request for unknown model")


def test_unknown_version(client):
    with fails("not found", "7"):
        client.add(model_version="7")


def test_version_that_is_not_a_number(grpc_client):
    with fails("invalid", "failed to get model version from specified version string 'wrong_specification'"):
        grpc_client.add(model_version="wrong_specification")


def test_unknown_input(client):
    with fails("invalid", "INPUT9"):
        client.infer("simple", {"INPUT0": NUMBERS, "INPUT9": ONES})


def test_missing_input(client):
    with fails("invalid", "INPUT1"):
        client.infer("simple", {"INPUT0": NUMBERS})


def test_unknown_output(client):
    with fails("invalid", "OUTPUT9"):
        client.add(outputs=["OUTPUT9"])


@pytest.mark.parametrize("array", [
    NUMBERS.astype(np.int64),  # another datatype
    NUMBERS.reshape(16),  # another rank
    np.zeros((1, 17), np.int32),  # another size
])
def test_mismatched_input(client, array):
    with fails("invalid", "INPUT0"):
        client.infer("simple", {"INPUT0": array, "INPUT1": ONES})


def test_batch_over_the_limit(client):
    with fails("invalid", "simple"):
        client.infer("simple", {"INPUT0": np.tile(NUMBERS, (9, 1)), "INPUT1": np.tile(ONES, (9, 1))})


def test_data_that_does_not_match_the_shape(client):
    tensor = client.input("INPUT0", NUMBERS)
    tensor.set_shape([2, 16])
    with fails("invalid", "INPUT0"):
        client.call("infer", "simple", [tensor, client.input("INPUT1", ONES)])


def test_client_works_after_an_error(client):
    for _ in range(3):
        with fails("not found"):
            client.add("nowhere")
        client.add()


def typed_and_raw():
    request = service_pb2.ModelInferRequest(model_name="identity_fp32", raw_input_contents=[b"\0\0\0\0"])
    request.inputs.add(name="INPUT0", datatype="FP32", shape=[1, 1]).contents.fp32_contents.append(1)
    return request


def prefix_past_the_end():
    request = service_pb2.ModelInferRequest(model_name="identity_bytes", raw_input_contents=[b"\xff\xff\xff\xff"])
    request.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, 1])
    return request


def overflowing_shape():
    request = service_pb2.ModelInferRequest(model_name="identity_fp32", raw_input_contents=[b""])
    request.inputs.add(name="INPUT0", datatype="FP32", shape=[2**32, 2**32])
    return request


@pytest.mark.parametrize("make", [typed_and_raw, prefix_past_the_end, overflowing_shape])
def test_malformed_over_grpc(make):
    with tritonclient.grpc.grpc.insecure_channel(ADDRESS) as channel, pytest.raises(tritonclient.grpc.grpc.RpcError) as caught:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(make())
    assert caught.value.code().name == "INVALID_ARGUMENT"
    assert "INPUT0" in caught.value.details()


def body(data, **changes):
    return json.dumps({"inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 2], "data": data, **changes}]}).encode()


@pytest.mark.parametrize("content, headers", [
    (b"", {}),
    (b"{", {}),
    (b"[]", {}),
    (body([1]), {}),
    (body([1, 2, 3]), {}),
    (body([[1], [2, 3]]), {}),
    (body([1, "2"]), {}),
    (body([[1, 2]], datatype="FP23"), {}),
    (body([[1, 2]], shape=[1, -2]), {}),
    (body([[1, 2]]), {"Inference-Header-Content-Length": "100000"}),
    (body([[1, 2]]), {"Inference-Header-Content-Length": "-1"}),
    (body([[1, 2]]), {"Content-Encoding": "gzip"}),
], ids=range(12))
def test_malformed_over_http(content, headers):
    request = urllib.request.Request(f"http://{ADDRESS}/v2/models/identity_fp32/infer", content, headers, method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    assert caught.value.headers["Content-Type"] == "application/json"
    assert json.load(caught.value)["error"]
