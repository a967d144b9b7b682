"""Send images as the frames of one stream, and print the answers as they come.

Answers come in the order of the frames. A frame that cannot be served, such as a
file that is no image, is answered with an error; the stream goes on.
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
    # gRPC takes the next frame when there is room for it, on a thread of its own.
    for name, image in images:
        yield predictor.InferenceRequest(id=name, raw_image=image)


with grpc.insecure_channel(args.address) as channel:
    for answer in predictor.stub(channel).StreamPredict(frames()):
        if answer.HasField("error"):
            print(f"{answer.id}: {answer.error.code}: {answer.error.message}")
        else:
            best = answer.classifications[0]
            print(f"{answer.id}: {best.label} {best.score:.6f}")
