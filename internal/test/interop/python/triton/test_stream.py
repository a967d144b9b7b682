"""ModelStreamInfer: many requests on one stream, and errors that it outlives."""

import queue

import numpy as np
import pytest
from conftest import NUMBERS, ONES, Client, check_sums


def inputs(client):
    return [client.input("INPUT0", NUMBERS), client.input("INPUT1", ONES)]


@pytest.fixture
def stream():
    """A client with a stream, and the queue of (result, error) that it fills."""
    client, answers = Client("grpc"), queue.Queue()
    client.triton.start_stream(lambda result, error: answers.put((result, error)))
    yield client, answers
    client.triton.stop_stream()
    client.close()


def test_answers_come_in_order(stream):
    client, answers = stream
    for i in range(50):
        client.triton.async_stream_infer("simple", inputs(client), request_id=str(i))
    for i in range(50):
        result, error = answers.get(timeout=60)
        assert error is None
        assert result.get_response().id == str(i)
        check_sums(result)


def test_stream_goes_on_after_an_error(stream):
    client, answers = stream
    client.triton.async_stream_infer("nowhere", inputs(client), request_id="bad")
    client.triton.async_stream_infer("simple", inputs(client)[:1], request_id="bad")
    client.triton.async_stream_infer("simple", inputs(client), request_id="good")
    _, unknown = answers.get(timeout=60)
    assert unknown.message().startswith("Request for unknown model")
    _, missing = answers.get(timeout=60)
    assert "INPUT1" in missing.message()
    result, error = answers.get(timeout=60)
    assert error is None and result.get_response().id == "good"


def test_one_stream_for_several_models(stream):
    client, answers = stream
    text = np.array([[b"a", b"bc"]], dtype=object)
    client.triton.async_stream_infer("identity_bytes", [client.input("INPUT0", text)], enable_empty_final_response=False)
    client.triton.async_stream_infer("simple", inputs(client), outputs=[client.output("OUTPUT1")])
    result, _ = answers.get(timeout=60)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), text)
    result, _ = answers.get(timeout=60)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), NUMBERS - 1)
    assert result.as_numpy("OUTPUT0") is None


def test_stream_is_started_anew(stream):
    client, answers = stream
    client.triton.stop_stream()
    client.triton.start_stream(lambda result, error: answers.put((result, error)), compression_algorithm="gzip")
    client.triton.async_stream_infer("simple", inputs(client))
    check_sums(answers.get(timeout=60)[0])


def test_stream_that_is_given_up(stream):
    client, answers = stream
    client.triton.async_stream_infer("simple", inputs(client))
    check_sums(answers.get(timeout=60)[0])
    client.triton.stop_stream(cancel_requests=True)
    _, error = answers.get(timeout=60)
    assert error.status() == "StatusCode.CANCELLED"
    check_sums(client.add())


def test_asyncio():
    client = Client("grpc.aio")

    async def requests():
        for i in range(20):
            yield {"model_name": "nowhere" if i == 7 else "simple", "inputs": inputs(client), "request_id": str(i)}

    async def run():
        return [answer async for answer in client.triton.stream_infer(requests())]

    answers = client.loop.run_until_complete(run())
    assert len(answers) == 20
    for i, (result, error) in enumerate(answers):
        if i == 7:
            assert "nowhere" in error.message()
        else:
            check_sums(result)
            assert result.get_response().id == str(i)
    client.close()
