"""Send a batch of 48 MB in one message, on a connection with keepalive pings.

The model is digits, the repository's sample: 28 x 28 values in, 10 scores out.
"""

import argparse
import time

import grpc
import numpy as np

from predictor import Predictor

MB = 1_000_000
OPTIONS = [
    # gRPC's default limit for received messages is 4 MB. The server's is 64 MiB
    # (--max-message-bytes).
    ("grpc.max_send_message_length", 50 * MB),
    ("grpc.max_receive_message_length", 50 * MB),
    # After 10 s without data send a ping, and close the connection if the server does
    # not respond within 5 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Without this option gRPC's C core (1.85) waits for a minute
    # (github.com/grpc/grpc/pull/39239).
    ("grpc.http2.ping_timeout_ms", 5_000),
    # Ping also between calls, without a limit on the number of pings.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]


def tensor_data(values):
    """Return the field tensor_data in wire format.

    An assignment to the field copies number by number; MergeFromString copies a numpy
    array's bytes at once.
    """
    data = values.astype("<f4").tobytes()
    prefix, length = bytearray([2 << 3 | 2]), len(data)  # field 2, length-delimited
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + data


def predict(predictor, stub, batch):
    request = predictor.InferenceRequest(model_name="digits", shape=batch.shape)
    request.MergeFromString(tensor_data(batch))
    start = time.perf_counter()
    response = stub.Predict(request, timeout=60)
    elapsed = time.perf_counter() - start
    scores = np.array(response.predictions, np.float32).reshape(response.shape)
    print(
        f"sent {request.ByteSize() / MB:.1f} MB as {list(batch.shape)}, "
        f"received {list(scores.shape)} in {elapsed:.2f} s"
    )
    return scores


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--address", default="localhost:8080", metavar="HOST:PORT")
parser.add_argument("--rest", type=float, metavar="SECONDS", help="call again after a pause")
args = parser.parse_args()

rng = np.random.default_rng(1)
batch = rng.uniform(-1, 1, (15306, 1, 28, 28)).astype(np.float32)

predictor = Predictor(args.address)
with grpc.insecure_channel(args.address, OPTIONS) as channel:
    states = []
    channel.subscribe(states.append)
    stub = predictor.stub(channel)

    scores = predict(predictor, stub, batch)
    assert scores.shape == (len(batch), 10)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-4), "rows are probabilities"
    print(f"received all {len(scores)} rows")

    if args.rest:
        time.sleep(args.rest)
        second = predict(predictor, stub, batch[:1])
        assert np.allclose(second, scores[:1], atol=1e-4)
        connections = states.count(grpc.ChannelConnectivity.READY)
        print(f"after a pause of {args.rest:g} s, connections so far: {connections}")
