"""Loading and unloading models, with configuration and files in the request."""

import pathlib

import numpy as np
import pytest
from conftest import MODELS, fails
from tritonclient.utils import InferenceServerException

VALUES = np.array([[1, -2, 3]], dtype=np.float32)


def run(client):
    return client.infer("controlled", {"INPUT0": VALUES}).as_numpy("OUTPUT0")


@pytest.fixture
def loaded(client):
    """A client; `controlled` is loaded from its directory before and after the test."""
    client.call("load_model", "controlled")
    yield client
    client.call("load_model", "controlled")


def max_batch_size(client):
    config = client.get("get_model_config", "controlled")
    return (config if client.http else config["config"]).get("max_batch_size", 0)


def test_load_and_unload(loaded):
    assert loaded.call("is_model_ready", "controlled")
    assert loaded.index()["controlled"][0]["state"] == "READY"
    np.testing.assert_array_equal(run(loaded), VALUES)

    loaded.call("unload_model", "controlled", unload_dependents=False)
    assert not loaded.call("is_model_ready", "controlled")
    (entry,) = loaded.index()["controlled"]
    assert (entry["state"], entry["reason"]) == ("UNAVAILABLE", "unloaded")
    with pytest.raises(InferenceServerException):
        run(loaded)

    loaded.call("load_model", "controlled")
    np.testing.assert_array_equal(run(loaded), VALUES)


def test_load_with_a_configuration(loaded):
    assert max_batch_size(loaded) == 8
    loaded.call("load_model", "controlled", config='{"max_batch_size":"16"}')
    assert max_batch_size(loaded) == 16
    np.testing.assert_array_equal(run(loaded), VALUES)
    loaded.call("load_model", "controlled")
    assert max_batch_size(loaded) == 8


def test_load_with_files(loaded):
    negated = pathlib.Path(MODELS, "versions", "2", "model.onnx").read_bytes()
    loaded.call("load_model", "controlled", config='{"max_batch_size":4}', files={"file:1/model.onnx": negated})
    np.testing.assert_array_equal(run(loaded), -VALUES)
    assert max_batch_size(loaded) == 4
    loaded.call("load_model", "controlled")
    np.testing.assert_array_equal(run(loaded), VALUES)


@pytest.mark.parametrize("override", [
    {"config": '"parameters": {"config": {{"max_batch_size": "16"}}}'},
    {"config": '{"max_batch_size": -1}'},
    {"config": '{"input": [{"name": "OTHER", "data_type": "TYPE_FP32", "dims": [3]}]}'},
    {"config": "{}", "files": {"file:1/model.onnx": b"no model"}},
])
def test_failed_load_leaves_the_model_serving(loaded, override):
    with pytest.raises(InferenceServerException) as caught:
        loaded.call("load_model", "controlled", **override)
    assert "failed to load" in caught.value.message()
    assert loaded.call("is_model_ready", "controlled")
    np.testing.assert_array_equal(run(loaded), VALUES)


@pytest.mark.parametrize("file", ["file:../model.onnx", "file:1/../../elsewhere", "file:/model.onnx", "file:" + "A" * 256])
def test_files_stay_in_the_model(loaded, file):
    with pytest.raises(InferenceServerException):
        loaded.call("load_model", "controlled", config="{}", files={file: b"elsewhere"})
    np.testing.assert_array_equal(run(loaded), VALUES)


def test_unknown_model(client):
    with pytest.raises(InferenceServerException) as caught:
        client.call("load_model", "nowhere")
    assert "failed to load" in caught.value.message()


def test_paths_are_not_models(client):
    for name in "../models", "..", ".":
        with pytest.raises(InferenceServerException):
            client.call("load_model", name)
        try:
            answer = client.get("get_model_metadata", name)
        except InferenceServerException:
            continue
        # aiohttp resolves ".." itself, so that the request is one for /v2/, the server's metadata.
        assert "inputs" not in answer and answer["name"] == "tensorwire", answer


def test_server_without_control(strict):
    with pytest.raises(InferenceServerException) as caught:
        strict.call("load_model", "simple")
    assert "(model-control): set the setting to explicit" in caught.value.message()
    with pytest.raises(InferenceServerException):
        strict.call("unload_model", "simple")
    strict.add()


def test_statistics_of_an_unloaded_model(loaded):
    loaded.call("unload_model", "controlled")
    with fails("unavailable", "unloaded"):
        loaded.get("get_inference_statistics", "controlled", "1")
