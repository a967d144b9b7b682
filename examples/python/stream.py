"""Send images as the frames of one stream, and print the responses as they arrive.

Responses have the order of the frames. A bad frame, such as a file that is not an
image, gets a response with an error; the stream continues.
"""

import argparse
from pathlib import Path

import grpc

from predictor import Predictor

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("image", type=Path, nargs="+")
parser.add_argument("--address", default="localhost:8080", metavar="HOST:PORT")
args = parser.parse_args()

images = [(path.name, path.read_bytes()) for path in args.image]
predictor = Predictor(args.address)


def frames():
    # gRPC requests the next frame when flow control allows, on another thread.
    for name, image in images:
        yield predictor.InferenceRequest(id=name, raw_image=image)


with grpc.insecure_channel(args.address) as channel:
    for response in predictor.stub(channel).StreamPredict(frames()):
        if response.HasField("error"):
            print(f"{response.id}: {response.error.code}: {response.error.message}")
        else:
            best = response.classifications[0]
            print(f"{response.id}: {best.label} {best.score:.6f}")
