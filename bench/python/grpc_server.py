"""modelserving.Predictor in Python: grpcio with a pool of threads.

usage: grpc_server.py MODEL GENERATED

GENERATED is the directory of the code that grpc_tools generates from predictor.proto.
"""

import signal
import sys
from concurrent import futures

import grpc
import numpy as np
from model import Model

sys.path.insert(0, sys.argv[2])
import predictor_pb2 as pb  # noqa: E402 (its directory is an argument)
import predictor_pb2_grpc  # noqa: E402

MESSAGE_BYTES = 64 << 20


class Predictor(predictor_pb2_grpc.PredictorServicer):
    def __init__(self, model: Model) -> None:
        self.model = model

    def FastPredict(self, request: pb.FastInferenceRequest, context: grpc.ServicerContext) -> pb.InferenceResponse:
        image = np.frombuffer(request.raw_image, dtype=np.float32)
        return pb.InferenceResponse(predictions=self.model.run(image))


def main() -> None:
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=10),
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)],
    )
    predictor_pb2_grpc.add_PredictorServicer_to_server(Predictor(Model(sys.argv[1])), server)
    port = server.add_insecure_port("127.0.0.1:0")
    signal.signal(signal.SIGINT, lambda *_: server.stop(None))
    server.start()
    print(f"http://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
