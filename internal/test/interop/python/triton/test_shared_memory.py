"""System shared memory, and CUDA shared memory, which is not supported."""

import os

import numpy as np
import pytest
import tritonclient.utils.shared_memory as shm
from conftest import NUMBERS, ONES, fails
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

SIZE = NUMBERS.nbytes


class Region:
    """A region below /dev/shm, registered with the server."""

    def __init__(self, client, name, size):
        self.client, self.name = client, name
        key = f"/interop_{os.getpid()}_{name}"
        self.handle = shm.create_shared_memory_region(name, key, size)
        client.call("register_system_shared_memory", name, key, size)

    def destroy(self):
        shm.destroy_shared_memory_region(self.handle)


@pytest.fixture
def region(client):
    """Return a function that creates regions, after the first calls of Triton's examples."""
    client.call("unregister_system_shared_memory")
    client.call("unregister_cuda_shared_memory")
    made = []

    def make(name, size):
        made.append(Region(client, name, size))
        return made[-1]

    yield make
    client.call("unregister_system_shared_memory")
    for r in made:
        r.destroy()


def shared_input(client, name, region, size, offset=0, shape=(1, 16), datatype="INT32"):
    return client.library.InferInput(name, list(shape), datatype).set_shared_memory(region.name, size, offset)


def shared_output(client, name, region, size, offset=0):
    output = client.output(name)
    output.set_shared_memory(region.name, size, offset)
    return output


def registered(client):
    regions = client.get("get_system_shared_memory_status")
    return {r["name"] for r in regions} if client.http else set(regions.get("regions", {}))


def test_inputs_and_outputs(client, region):
    given, taken = region("given", 2 * SIZE), region("taken", 2 * SIZE)
    shm.set_shared_memory_region(given.handle, [NUMBERS, ONES])
    assert registered(client) == {"given", "taken"}
    result = client.call(
        "infer", "simple",
        [shared_input(client, "INPUT0", given, SIZE), shared_input(client, "INPUT1", given, SIZE, SIZE)],
        outputs=[shared_output(client, "OUTPUT0", taken, SIZE), shared_output(client, "OUTPUT1", taken, SIZE, SIZE)],
    )
    for i, want in enumerate((NUMBERS + 1, NUMBERS - 1)):
        output = result.get_output(f"OUTPUT{i}")
        shape = output["shape"] if client.http else output.shape
        np.testing.assert_array_equal(shm.get_contents_as_numpy(taken.handle, np.int32, shape, i * SIZE), want)

    client.call("unregister_system_shared_memory", "given")
    assert registered(client) == {"taken"}


def test_one_tensor_in_shared_memory_and_one_not(client, region):
    given, taken = region("given", SIZE), region("taken", SIZE)
    shm.set_shared_memory_region(given.handle, [ONES])
    result = client.call(
        "infer", "simple",
        [client.input("INPUT0", NUMBERS), shared_input(client, "INPUT1", given, SIZE)],
        outputs=[shared_output(client, "OUTPUT0", taken, SIZE), client.output("OUTPUT1")],
    )
    np.testing.assert_array_equal(shm.get_contents_as_numpy(taken.handle, np.int32, (1, 16)), NUMBERS + 1)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), NUMBERS - 1)


def test_strings(client, region):
    sent = np.array([[b"one", b"", "zwölf".encode()]], dtype=object)
    serialized = serialize_byte_tensor(sent)
    size = len(serialized.item())
    given, taken = region("given", size), region("taken", 1_000)  # more than needed
    shm.set_shared_memory_region(given.handle, [serialized])
    client.call(
        "infer", "identity_bytes",
        [shared_input(client, "INPUT0", given, size, shape=sent.shape, datatype="BYTES")],
        outputs=[shared_output(client, "OUTPUT0", taken, 1_000)],
    )
    np.testing.assert_array_equal(shm.get_contents_as_numpy(taken.handle, np.object_, sent.shape), sent)


def test_bounds(client, region):
    given = region("given", SIZE)
    shm.set_shared_memory_region(given.handle, [ONES])
    numbers = client.input("INPUT0", NUMBERS)
    for size, offset in (SIZE, 8), (2 * SIZE, 0), (SIZE - 4, 0), (SIZE, 2**62):
        with fails("invalid", "INPUT1"):
            client.call("infer", "simple", [numbers, shared_input(client, "INPUT1", given, size, offset)])
    with fails("invalid", "OUTPUT0"):
        client.add(outputs=[shared_output(client, "OUTPUT0", given, 4)])


def test_missing_regions(client, region):
    region("given", SIZE)
    with pytest.raises(InferenceServerException):
        client.call("register_system_shared_memory", "absent", "/interop_absent", SIZE)
    with pytest.raises(InferenceServerException):
        client.call("register_system_shared_memory", "outside", "/../../etc/passwd", 16)
    with pytest.raises(InferenceServerException):
        client.call("register_system_shared_memory", "large", f"/interop_{os.getpid()}_given", 2**40)
    tensor = client.library.InferInput("INPUT0", [1, 16], "INT32").set_shared_memory("unheard", SIZE)
    with pytest.raises(InferenceServerException) as caught:
        client.call("infer", "simple", [tensor, client.input("INPUT1", ONES)])
    assert "unheard" in caught.value.message()


def test_cuda_is_not_supported(client):
    status = client.get("get_cuda_shared_memory_status")
    assert not (status if client.http else status.get("regions"))
    with fails("unsupported"):
        client.call("register_cuda_shared_memory", "gpu", b"AAAA", 0, 64)


def test_server_that_disallows_it(strict):
    handle = shm.create_shared_memory_region("given", f"/interop_{os.getpid()}_strict", SIZE)
    try:
        with pytest.raises(InferenceServerException) as caught:
            strict.call("register_system_shared_memory", "given", f"/interop_{os.getpid()}_strict", SIZE)
        assert "(allow-shared-memory)" in caught.value.message()
    finally:
        shm.destroy_shared_memory_region(handle)
