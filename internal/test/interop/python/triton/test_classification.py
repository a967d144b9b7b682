"""The classification extension: the best classes, as requested by Triton's image client."""

import numpy as np
import pytest
from conftest import fails

SCORES = np.array([[0.1, 0.7, 0.2, 0.0], [0.4, 0.1, 0.2, 0.3]], dtype=np.float32)


def classes(result, output="OUTPUT0"):
    """Return the shape and the (value, index, label) tuples of an output."""
    array = result.as_numpy(output)
    texts = [t.decode() if isinstance(t, bytes) else t for t in array.flat]
    return array.shape, [(float(t.split(":")[0]), *t.split(":")[1:]) for t in texts]


@pytest.mark.parametrize("binary", [True, False])
def test_batch(client, binary):
    result = client.infer("classes", {"INPUT0": SCORES}, [client.output("OUTPUT0", binary, class_count=2)])
    shape, got = classes(result)
    assert shape == (2, 2)
    assert got == [
        (pytest.approx(0.7), "1", "dog"), (pytest.approx(0.2), "2", "bird"),
        (pytest.approx(0.4), "0", "cat"), (pytest.approx(0.3), "3", "fish"),
    ]


def test_more_classes_than_exist(client):
    result = client.infer("classes", {"INPUT0": SCORES[:1]}, [client.output("OUTPUT0", class_count=100)])
    shape, got = classes(result)
    assert shape == (1, 4)
    assert [index for _, index, _ in got] == ["1", "2", "0", "3"]


def test_without_labels(client):
    integers = np.array([[3, 9, 5]], dtype=np.int32)
    _, got = classes(client.infer("identity_int32", {"INPUT0": integers}, [client.output("OUTPUT0", class_count=1)]))
    assert got == [(9, "1")]


def test_digit(client):
    """The sample model has no config.pbtxt; its labels come from labels.txt."""
    metadata = client.get("get_model_metadata", "digits")
    (tensor,), (output,) = metadata["inputs"], metadata["outputs"]
    shape = [abs(int(d)) for d in tensor["shape"]]
    result = client.infer("digits", {tensor["name"]: np.zeros(shape, np.float32)}, [client.output(output["name"], class_count=3)])
    _, got = classes(result, output["name"])
    assert len(got) == 3
    assert all(label == index for _, index, label in got)


def test_one_output_classified_the_other_not(client):
    outputs = [client.output("OUTPUT1"), client.output("OUTPUT0", class_count=1)]
    result = client.add(outputs=outputs)
    assert result.as_numpy("OUTPUT1").shape == (1, 16)
    assert classes(result) == ((1, 1), [(16, "15")])


def test_strings_have_no_classes(client):
    text = np.array([[b"a"]], dtype=object)
    with fails("invalid", "OUTPUT0"):
        client.infer("identity_bytes", {"INPUT0": text}, [client.output("OUTPUT0", class_count=1)])
