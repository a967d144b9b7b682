"""ModelStreamInfer: many requests on one stream, which continues after errors."""

import queue

import numpy as np
import pytest
from conftest import NUMBERS, ONES, Client, check_sums


def inputs(client):
    return [client.input("INPUT0", NUMBERS), client.input("INPUT1", ONES)]


@pytest.fixture
def stream():
    """A client with a stream, and its queue of (result, error)."""
    client, responses = Client("grpc"), queue.Queue()
    client.triton.start_stream(lambda result, error: responses.put((result, error)))
    yield client, responses
    client.triton.stop_stream()
    client.close()


def test_responses_are_in_order(stream):
    client, responses = stream
    for i in range(50):
        client.triton.async_stream_infer("simple", inputs(client), request_id=str(i))
    for i in range(50):
        result, error = responses.get(timeout=60)
        assert error is None
        assert result.get_response().id == str(i)
        check_sums(result)


def test_stream_continues_after_an_error(stream):
    client, responses = stream
    client.triton.async_stream_infer("nowhere", inputs(client), request_id="bad")
    client.triton.async_stream_infer("simple", inputs(client)[:1], request_id="bad")
    client.triton.async_stream_infer("simple", inputs(client), request_id="good")
    _, unknown = responses.get(timeout=60)
    assert unknown.message().startswith("Request for unknown model")
    _, missing = responses.get(timeout=60)
    assert "INPUT1" in missing.message()
    result, error = responses.get(timeout=60)
    assert error is None and result.get_response().id == "good"


def test_one_stream_for_several_models(stream):
    client, responses = stream
    text = np.array([[b"a", b"bc"]], dtype=object)
    client.triton.async_stream_infer("identity_bytes", [client.input("INPUT0", text)], enable_empty_final_response=False)
    client.triton.async_stream_infer("simple", inputs(client), outputs=[client.output("OUTPUT1")])
    result, _ = responses.get(timeout=60)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), text)
    result, _ = responses.get(timeout=60)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), NUMBERS - 1)
    assert result.as_numpy("OUTPUT0") is None


def test_stream_is_restarted(stream):
    client, responses = stream
    client.triton.stop_stream()
    client.triton.start_stream(lambda result, error: responses.put((result, error)), compression_algorithm="gzip")
    client.triton.async_stream_infer("simple", inputs(client))
    check_sums(responses.get(timeout=60)[0])


def test_cancelled_stream(stream):
    client, responses = stream
    client.triton.async_stream_infer("simple", inputs(client))
    check_sums(responses.get(timeout=60)[0])
    client.triton.stop_stream(cancel_requests=True)
    _, error = responses.get(timeout=60)
    assert error.status() == "StatusCode.CANCELLED"
    check_sums(client.add())


def test_asyncio():
    client = Client("grpc.aio")

    async def requests():
        for i in range(20):
            yield {"model_name": "nowhere" if i == 7 else "simple", "inputs": inputs(client), "request_id": str(i)}

    async def run():
        return [response async for response in client.triton.stream_infer(requests())]

    responses = client.loop.run_until_complete(run())
    assert len(responses) == 20
    for i, (result, error) in enumerate(responses):
        if i == 7:
            assert "nowhere" in error.message()
        else:
            check_sums(result)
            assert result.get_response().id == str(i)
    client.close()
