"""Classify an image in 50 concurrent calls over one connection, with asyncio."""

import argparse
import asyncio
import time
from collections import Counter
from pathlib import Path

import grpc

from predictor import Predictor

CALLS = 50


async def main(address, image):
    predictor = Predictor(address)
    async with grpc.aio.insecure_channel(address) as channel:
        stub = predictor.stub(channel)
        request = predictor.FastInferenceRequest(raw_image=image.read_bytes())
        start = time.perf_counter()
        responses = await asyncio.gather(
            *(stub.FastPredict(request, timeout=10) for _ in range(CALLS))
        )
        elapsed = time.perf_counter() - start

    results = Counter()
    for response in responses:
        best = response.classifications[0]
        results[f"{best.label} {best.score:.6f}"] += 1
    for result, count in results.most_common():
        print(f"{result} ({count} times)")
    print(f"{CALLS} calls took {elapsed:.3f} s")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("image", type=Path)
parser.add_argument("--address", default="localhost:8080", metavar="HOST:PORT")
args = parser.parse_args()
asyncio.run(main(args.address, args.image))
