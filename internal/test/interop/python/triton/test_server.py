"""Health, metadata, configuration, statistics, log and trace settings."""

import numpy as np
import pytest
from conftest import DATATYPES, NUMBERS, ONES, fails


def test_health(client):
    assert client.call("is_server_live")
    assert client.call("is_server_ready", headers={"test": "1"})
    assert client.call("is_model_ready", "simple")
    assert client.call("is_model_ready", "simple", "1")


def test_server_with_a_broken_model_is_not_ready(strict):
    assert strict.call("is_server_live")
    assert not strict.call("is_server_ready")
    assert not strict.call("is_model_ready", "broken")
    assert strict.call("is_model_ready", "simple")


def test_missing_model_is_not_ready(client):
    assert not client.call("is_model_ready", "nowhere")
    assert not client.call("is_model_ready", "simple", "7")


def test_server_metadata(client):
    metadata = client.get("get_server_metadata")
    assert metadata["name"] and metadata["version"]
    extensions = set(metadata["extensions"])
    assert extensions >= {"binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"}
    assert "cuda_shared_memory" not in extensions


def test_shared_memory_is_announced_if_allowed(client, strict):
    if client.kind == strict.kind:
        assert "system_shared_memory" in client.get("get_server_metadata")["extensions"]
        assert "system_shared_memory" not in strict.get("get_server_metadata")["extensions"]


def test_model_metadata(client):
    metadata = client.get("get_model_metadata", "simple")
    assert metadata["name"] == "simple"
    assert metadata["versions"] == ["1"]
    assert metadata["platform"] == "onnxruntime_onnx"
    for tensors, prefix in (metadata["inputs"], "INPUT"), (metadata["outputs"], "OUTPUT"):
        assert [(t["name"], t["datatype"], [int(d) for d in t["shape"]]) for t in tensors] == [
            (f"{prefix}{i}", "INT32", [-1, 16]) for i in range(2)
        ]
    assert client.get("get_model_metadata", "versions")["versions"] == ["1", "2"]


@pytest.mark.parametrize("datatype", DATATYPES)
def test_datatypes_in_metadata(client, datatype):
    metadata = client.get("get_model_metadata", f"identity_{datatype.lower()}")
    assert metadata["inputs"][0]["datatype"] == datatype
    assert [int(d) for d in metadata["outputs"][0]["shape"]] == [-1, -1]


def test_model_config(client):
    config = client.get("get_model_config", "simple")
    config = config if client.http else config["config"]
    assert config["name"] == "simple"
    assert config["platform"] == "onnxruntime_onnx"
    assert config["max_batch_size"] == 8
    assert [(i["name"], i["data_type"]) for i in config["input"]] == [("INPUT0", "TYPE_INT32"), ("INPUT1", "TYPE_INT32")]
    assert [int(d) for d in config["output"][1]["dims"]] == [16]


def test_config_without_a_file_is_completed(client):
    config = client.get("get_model_config", "identity_fp16")
    config = config if client.http else config["config"]
    assert config["input"][0]["data_type"] == "TYPE_FP16"
    assert [int(d) for d in config["input"][0]["dims"]] == [-1, -1]
    assert config.get("max_batch_size", 0) == 0


def test_config_over_http_omits_unset_schedulers(http_client):
    """perf_analyzer assumes that a scheduler whose key is present is enabled."""
    config = http_client.get("get_model_config", "simple")
    assert config["input"][0]["dims"] == [16]
    assert config["input"][0]["format"] == "FORMAT_NONE"
    assert not {"sequence_batching", "dynamic_batching", "ensemble_scheduling", "response_cache"} & set(config)


def counts(client, model="simple"):
    (statistics,) = client.get("get_inference_statistics", model)["model_stats"]
    assert (statistics["name"], statistics["version"]) == (model, "1")
    durations = statistics.get("inference_stats", {})
    return {
        "inferences": int(statistics.get("inference_count", 0)),
        "executions": int(statistics.get("execution_count", 0)),
        **{name: int(durations.get(name, {}).get("count", 0)) for name in ("success", "fail", "compute_infer")},
    }


def test_statistics_count(client):
    before = counts(client)
    client.infer("simple", {"INPUT0": np.tile(NUMBERS, (3, 1)), "INPUT1": np.tile(ONES, (3, 1))})
    after = counts(client)
    grown = {name: after[name] - before[name] for name in after}
    assert grown == {"inferences": 3, "executions": 1, "success": 1, "fail": 0, "compute_infer": 1}


def test_statistics_of_all_models(client):
    statistics = client.get("get_inference_statistics")["model_stats"]
    assert {("simple", "1"), ("versions", "1"), ("versions", "2")} <= {(s["name"], s["version"]) for s in statistics}


def test_statistics_over_http_are_complete(http_client):
    """perf_analyzer reads all of these."""
    (statistics,) = http_client.get("get_inference_statistics", "identity_uint16")["model_stats"]
    for name in "success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss":
        assert isinstance(statistics["inference_stats"][name]["count"], int)
        assert isinstance(statistics["inference_stats"][name]["ns"], int)


def test_unknown_model(client):
    for method in "get_model_metadata", "get_model_config", "get_inference_statistics":
        with fails("not found", "Request for unknown model"):
            client.get(method, "nowhere")
        with fails("not found", "simple"):
            client.get(method, "simple", "7")


def test_index(client):
    index = client.index()
    assert index["simple"][0]["state"] == "READY"
    assert sorted(e["version"] for e in index["versions"]) == ["1", "2"]


def test_index_has_the_reason_of_a_failed_load(strict):
    (broken,) = strict.index()["broken"]
    assert broken["state"] == "UNAVAILABLE"
    assert broken["reason"]


def test_log_settings(client):
    def verbose():
        settings = client.get("get_log_settings")
        level = settings["log_verbose_level"] if client.http else settings["settings"]["log_verbose_level"]["uint32_param"]
        return int(level)

    assert verbose() == 0
    client.call("update_log_settings", {"log_verbose_level": 1})
    try:
        assert verbose() == 1
    finally:
        client.call("update_log_settings", {"log_verbose_level": 0})


def test_trace_is_off(client):
    settings = client.get("get_trace_settings")
    level = settings["trace_level"] if client.http else settings["settings"]["trace_level"]["value"]
    assert level == ["OFF"]
