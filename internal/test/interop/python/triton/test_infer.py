"""Inference: outputs, encodings, sizes, parameters and headers."""

import numpy as np
import pytest
import tritonclient.grpc
from conftest import ADDRESS, NUMBERS, ONES, Client, check_sums


def test_outputs(client):
    check_sums(client.add(outputs=["OUTPUT0", "OUTPUT1"]))
    check_sums(client.add())


def test_outputs_have_the_requested_order(client):
    result = client.add(outputs=["OUTPUT1", "OUTPUT0"])
    check_sums(result)
    response = result.get_response()
    names = [o["name"] for o in response["outputs"]] if client.http else [o.name for o in response.outputs]
    assert names == ["OUTPUT1", "OUTPUT0"]
    one = client.add(outputs=["OUTPUT1"])
    np.testing.assert_array_equal(one.as_numpy("OUTPUT1"), NUMBERS - 1)
    assert one.as_numpy("OUTPUT0") is None


def test_inputs_in_any_order(client):
    check_sums(client.infer("simple", {"INPUT1": ONES, "INPUT0": NUMBERS}))


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("asked", [True, False])
def test_json_and_binary_data_mix(http_client, sent, asked):
    inputs = [http_client.input("INPUT0", NUMBERS, sent), http_client.input("INPUT1", ONES, not sent)]
    outputs = [http_client.output("OUTPUT0", asked), http_client.output("OUTPUT1", not asked)]
    result = http_client.call("infer", "simple", inputs, outputs=outputs, query_params={"test": [1, 2]})
    check_sums(result)
    for name, binary in ("OUTPUT0", asked), ("OUTPUT1", not asked):
        assert ("data" in result.get_output(name)) != binary


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("sent", [None, "gzip", "deflate"])
@pytest.mark.parametrize("asked", [None, "gzip", "deflate"])
def test_compression_over_http(http_client, sent, asked, binary):
    result = http_client.add(
        outputs=["OUTPUT0", "OUTPUT1"], binary=binary,
        request_compression_algorithm=sent, response_compression_algorithm=asked,
    )
    check_sums(result)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_over_grpc(grpc_client, algorithm):
    check_sums(grpc_client.add(compression_algorithm=algorithm))


def test_answer_names_model_version_and_id(client):
    response = client.add(request_id="my-request-1").get_response()
    response = response if client.http else {f: getattr(response, f) for f in ("id", "model_name", "model_version")}
    assert (response["id"], response["model_name"], response["model_version"]) == ("my-request-1", "simple", "1")


def test_versions(client):
    values = np.array([[1, -2]], dtype=np.float32)
    for version, want in ("1", values), ("2", -values), ("", -values):
        result = client.infer("versions", {"INPUT0": values}, model_version=version)
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), want)


def test_parameters_and_headers_are_accepted(client):
    result = client.add(
        parameters={"text": "x", "number": 7, "flag": True}, headers={"test": "1", "dummy": "2"}, priority=1, timeout=60_000_000,
    )
    check_sums(result)


def test_batches(client):
    inputs = {"INPUT0": np.tile(NUMBERS, (8, 1)), "INPUT1": np.tile(ONES, (8, 1))}
    np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0"), inputs["INPUT0"] + 1)


@pytest.mark.parametrize("binary", [True, False])
def test_several_megabytes(client, binary):
    rows = 256 if binary else 16
    values = np.random.default_rng(1).standard_normal((rows, 16_384)).astype(np.float32)
    result = client.infer("identity_fp32", {"INPUT0": values}, outputs=["OUTPUT0"], binary=binary)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), values)


def test_sequences_are_ignored_by_a_stateless_model(client):
    """As in Triton, whose clients always send the number."""
    for number in 7, "seven":
        check_sums(client.add(sequence_id=number, sequence_start=True, sequence_end=True))
    assert "sequence" not in client.get("get_server_metadata")["extensions"]


def test_keepalive():
    options = tritonclient.grpc.KeepAliveOptions(
        keepalive_time_ms=100, keepalive_timeout_ms=1_000, keepalive_permit_without_calls=True, http2_max_pings_without_data=0,
    )
    client = Client("grpc", keepalive_options=options)
    for _ in range(3):
        check_sums(client.add())
    client.close()


def test_channel_arguments():
    arguments = [("grpc.max_receive_message_length", 1 << 20), ("grpc.primary_user_agent", "interop")]
    client = Client("grpc", channel_args=arguments)
    check_sums(client.add())
    client.close()


def test_hand_written_request(http_client):
    """A request by a program with another HTTP client."""
    import urllib.request

    library = http_client.library.InferenceServerClient
    body, length = library.generate_request_body([http_client.input("INPUT0", NUMBERS), http_client.input("INPUT1", ONES)])
    request = urllib.request.Request(
        f"http://{ADDRESS}/v2/models/simple/infer", body, {"Inference-Header-Content-Length": str(length)},
    )
    with urllib.request.urlopen(request) as response:
        header = response.headers["Inference-Header-Content-Length"]
        check_sums(library.parse_response_body(response.read(), header_length=int(header)))
