"""The same prediction as JSON over HTTP: FastAPI on uvicorn, with uvloop and httptools.

usage: fastapi_server.py MODEL
"""

import base64
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import uvicorn
from fastapi import FastAPI
from model import Model
from pydantic import BaseModel


class Numbers(BaseModel):
    """An image as a flat list of numbers."""

    image: list[float]


class Encoded(BaseModel):
    """An image as its float32 values' bytes in base64."""

    image: str


class Answer(BaseModel):
    predictions: list[float]


def new_app(model: Model, address: str) -> FastAPI:
    @asynccontextmanager
    async def announce(_: FastAPI) -> AsyncIterator[None]:
        print(address, flush=True)
        yield

    app = FastAPI(lifespan=announce)

    @app.post("/numbers")
    def numbers(request: Numbers) -> Answer:
        return Answer(predictions=model.run(np.array(request.image, dtype=np.float32)))

    @app.post("/base64")
    def encoded(request: Encoded) -> Answer:
        return Answer(predictions=model.run(np.frombuffer(base64.b64decode(request.image), dtype=np.float32)))

    return app


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    app = new_app(Model(sys.argv[1]), f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # the benchmark stops it so


if __name__ == "__main__":
    main()
