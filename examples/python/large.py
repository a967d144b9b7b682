"""Send a batch of 48 MB in one message, on a connection kept alive by pings.

The model is the repository's own, digits: 28 x 28 values in, 10 scores out.
"""

import argparse
import time

import grpc
import numpy as np

from predictor import Predictor

MB = 1_000_000
OPTIONS = [
    # gRPC's own limit for messages that are received is 4 MB. The server's is 64 MiB
    # (--max-message-bytes).
    ("grpc.max_send_message_length", 50 * MB),
    ("grpc.max_receive_message_length", 50 * MB),
    # After 10 s without data, see with a ping whether the server is still there, and
    # give up the connection when it does not answer within 5 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # As it is (1.85), gRPC's C core waits a minute all the same without this one
    # (github.com/grpc/grpc/pull/39239).
    ("grpc.http2.ping_timeout_ms", 5_000),
    # Ping also between calls, and as often as it takes.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]


def tensor_data(values):
    """Return the field tensor_data as it is on the wire.

    Assigning to the field copies number by number; MergeFromString takes a numpy
    array's bytes as they are.
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
parser.add_argument("--rest", type=float, help="call again after so many seconds")
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
    print(f"all {len(scores)} rows came back")

    if args.rest:
        time.sleep(args.rest)
        again = predict(predictor, stub, batch[:1])
        assert np.allclose(again, scores[:1], atol=1e-4)
        connections = states.count(grpc.ChannelConnectivity.READY)
        print(f"after {args.rest:g} s at rest, connections made so far: {connections}")
