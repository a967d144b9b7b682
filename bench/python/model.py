"""The model of both servers: ONNX Runtime with one thread per call."""

import numpy as np
import onnxruntime


class Model:
    """A model of one image, three channels of 224 x 224 float32 values."""

    def __init__(self, file: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(self, image: np.ndarray) -> list[float]:
        """Return the first output for an image, as a flat list."""
        (output,) = self.session.run(None, {"image": image.reshape(1, 3, 224, 224)})
        return output.ravel().tolist()
