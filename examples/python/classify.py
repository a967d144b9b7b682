"""Classify an image with one call."""

import argparse
import sys
from pathlib import Path

import grpc

from predictor import Predictor

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("image", type=Path)
parser.add_argument("--address", default="localhost:8080", metavar="HOST:PORT")
parser.add_argument("--model", default="", help="default: the server's default")
args = parser.parse_args()

try:
    predictor = Predictor(args.address)
    with grpc.insecure_channel(args.address) as channel:
        stub = predictor.stub(channel)
        request = predictor.FastInferenceRequest(
            raw_image=args.image.read_bytes(), model_name=args.model
        )
        response = stub.FastPredict(request, timeout=10)
except grpc.RpcError as error:
    sys.exit(f"{error.code().name}: {error.details()}")

for c in response.classifications:
    print(f"{c.label} {c.score:.6f}")
