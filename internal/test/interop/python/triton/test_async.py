"""Concurrent requests: callbacks, greenlets, asyncio, and cancelled calls."""

import asyncio
import queue

import pytest
from conftest import NUMBERS, ONES, Client, check_sums


def inputs(client):
    return [client.input("INPUT0", NUMBERS), client.input("INPUT1", ONES)]


def test_callbacks_over_grpc():
    client, responses = Client("grpc"), queue.Queue()
    for i in range(20):
        model = "nowhere" if i == 7 else "simple"
        client.triton.async_infer(
            model, inputs(client), lambda result, error: responses.put((result, error)), request_id=str(i),
        )
    seen = {}
    for _ in range(20):
        result, error = responses.get(timeout=60)
        if error:
            assert error.status() == "StatusCode.NOT_FOUND"
        else:
            check_sums(result)
            seen[result.get_response().id] = True
    assert seen.keys() == {str(i) for i in range(20)} - {"7"}
    client.close()


def test_cancelled_call():
    client, responses = Client("grpc"), queue.Queue()
    call = client.triton.async_infer("simple", inputs(client), lambda result, error: responses.put((result, error)))
    call.cancel()
    result, error = responses.get(timeout=60)  # the response may come first
    assert result is not None or error.status() == "StatusCode.CANCELLED"
    check_sums(client.add())
    client.close()


def test_greenlets_over_http():
    client = Client("http", concurrency=4)
    pending = [client.triton.async_infer("simple", inputs(client)) for _ in range(20)]
    for request in pending:
        check_sums(request.get_result())
    client.close()


@pytest.mark.parametrize("kind", ["grpc.aio", "http.aio"])
def test_asyncio(kind):
    client = Client(kind)

    async def many():
        return await asyncio.gather(*(client.triton.infer("simple", inputs(client)) for _ in range(20)))

    for result in client.loop.run_until_complete(many()):
        check_sums(result)
    client.close()
