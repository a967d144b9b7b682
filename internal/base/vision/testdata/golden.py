"""Writes the golden files of this directory: the results of Pillow and transformers.

Run with: pip install "transformers<5" "pillow<13" numpy && python golden.py

Pillow 13 and later run the vertical pass first for tall images, and may differ by
one level; models were trained with the previous order.

The Go tests compute the same input images from the same formula, so the files
contain results only. Bytes that must be equal are stored as SHA-256 hashes; the
bytes of lossy files, which may differ by some levels, as base64.
"""

import base64
import hashlib
import io
import json
import math
import pathlib

import numpy as np
import PIL
import transformers
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent


def test_image(width, height, channels=3):
    """The deterministic test image: smooth, with hard edges and full range."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [
        (x * 7 + y * 13) % 256,
        (x * x + 3 * y) // 5 % 256,
        np.where((x // 3 + y // 5) % 2 == 0, 255, (x * y) % 97),
    ]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


def encode(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def resample():
    cases = []
    sizes = [
        ((17, 13), (5, 4)), ((5, 4), (17, 13)), ((31, 9), (31, 5)), ((9, 31), (6, 31)),
        ((40, 30), (12, 33)), ((64, 48), (7, 7)), ((3, 2), (20, 11)), ((1, 1), (4, 3)), ((33, 33), (33, 33)),
        ((20, 60), (18, 12)), ((21, 50), (30, 50)), ((12, 40), (12, 9)),
    ]
    sizes += [((640, 427), (224, 224)), ((1000, 37), (333, 224)), ((50, 70), (256, 300)), ((777, 513), (100, 99)), ((200, 1100), (224, 97))]
    for source, target in sizes:
        for mode, channels in (("RGB", 3), ("L", 1)):
            array = test_image(*source, channels)
            image = Image.fromarray(array if channels == 3 else array[..., 0], mode)
            for number in range(6):
                out = np.array(image.resize(target, Image.Resampling(number)))
                cases.append({
                    "from": source, "to": target, "channels": channels, "filter": number,
                    "sha256": digest(out),
                })
    return cases


def processors():
    """Each image processor over images of several shapes.

    The file stores every 997th value of a tensor in C x H x W order and the
    sum of all values, so that it stays small.
    """
    runs = [
        ("ViTImageProcessor", {}),
        ("ViTImageProcessor", {"size": {"height": 32, "width": 48}, "resample": 3}),
        ("ViTImageProcessor", {"do_resize": False}),
        ("ViTImageProcessor", {"size": 40, "do_rescale": False, "image_mean": [123.7, 116.3, 103.5], "image_std": [58.4, 57.1, 57.4]}),
        ("DeiTImageProcessor", {}),
        ("DeiTImageProcessor", {"do_resize": False, "crop_size": 65}),
        ("BeitImageProcessor", {"size": 64, "do_center_crop": True, "crop_size": {"height": 80, "width": 33}}),
        ("SegformerImageProcessor", {"size": {"height": 96, "width": 96}}),
        ("DPTImageProcessor", {"size": {"height": 96, "width": 96}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 64}}),
        ("ConvNextImageProcessor", {"size": 224, "crop_pct": 0.95, "resample": 3}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
        ("CLIPImageProcessor", {}),
        ("CLIPImageProcessor", {"size": 48, "crop_size": 48}),
        ("EfficientNetImageProcessor", {"size": {"height": 60, "width": 60}}),
        ("EfficientNetImageProcessor", {"size": 60, "rescale_offset": True, "rescale_factor": 1 / 127.5, "include_top": False, "resample": 2}),
        ("MobileNetV1ImageProcessor", {}),
        ("MobileNetV2ImageProcessor", {}),
        ("MobileViTImageProcessor", {"size": {"shortest_edge": 72}, "crop_size": 64}),
        ("LevitImageProcessor", {}),
        ("PoolFormerImageProcessor", {}),
        ("PoolFormerImageProcessor", {"size": {"height": 70, "width": 50}, "crop_pct": 0.8, "crop_size": 50}),
        ("PvtImageProcessor", {}),
        ("SiglipImageProcessor", {"size": {"height": 56, "width": 56}}),
        ("BitImageProcessor", {}),
        ("RTDetrImageProcessor", {"size": {"height": 64, "width": 64}}),
        ("DetrImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}, "do_pad": False}),
        ("DetrImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}, "do_pad": True}),
        ("ConditionalDetrImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}, "do_pad": True}),
        ("GroundingDinoImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}, "do_pad": True}),
        ("YolosImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}}),
        ("YolosImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}, "do_pad": False}),
        ("YolosImageProcessor", {"size": {"height": 50, "width": 70}, "do_pad": False}),
        ("MaskFormerImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 90}, "ignore_index": 255}),
        ("Mask2FormerImageProcessor", {"size": {"height": 70, "width": 50}, "size_divisor": 32}),
        ("Mask2FormerImageProcessor", {"size": {"height": 64, "width": 96}, "size_divisor": 0}),
        ("BlipImageProcessor", {"size": {"height": 48, "width": 48}, "do_pad": True, "size_divisor": 32}),
        ("OwlViTImageProcessor", {"size": {"height": 48, "width": 40}}),
        ("LlavaImageProcessor", {"size": {"shortest_edge": 50}, "crop_size": 45}),
        ("ChameleonImageProcessor", {"size": {"shortest_edge": 50}, "crop_size": 50}),
        ("SegGptImageProcessor", {"size": {"height": 48, "width": 48}}),
        ("PromptDepthAnythingImageProcessor", {"size": {"height": 96, "width": 96}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}),
        ("EfficientFormerImageProcessor", {"size": 70, "crop_size": 60}),
        ("Gemma3ImageProcessor", {"size": {"height": 50, "width": 50}}),
        ("GotOcr2ImageProcessor", {"size": {"height": 50, "width": 50}}),
    ]
    cases = []
    for name, config in runs:
        processor = getattr(transformers, name)(**config)
        for width, height in ((97, 61), (60, 149), (40, 40)):
            out = processor(Image.fromarray(test_image(width, height)), return_tensors="np")["pixel_values"][0]
            flat = out.astype(np.float32).ravel()
            cases.append({
                "config": {"image_processor_type": name, **config},
                "from": [width, height],
                "shape": out.shape,
                "sample": [round(float(v), 7) for v in flat[::997]],
                "sum": float(flat.astype(np.float64).sum()),
            })
    return cases


DEFAULTS = (
    "ViT DeiT Beit Segformer DPT Pvt Siglip CLIP ChineseCLIP Bit ViTHybrid MobileNetV1 MobileNetV2 "
    "Levit PoolFormer EfficientNet MobileViT ConvNext Detr RTDetr ConditionalDetr GroundingDino "
    "Yolos MaskFormer Mask2Former Blip InstructBlipVideo GotOcr2 Ovis2 OwlViT Llava Gemma3 VideoMAE SegGpt "
    "PromptDepthAnything EfficientFormer Chameleon"
).split()


def defaults():
    """The attributes that a constructor without arguments sets."""
    out = {}
    for name in DEFAULTS:
        values = getattr(transformers, name + "ImageProcessor")().to_dict()
        # do_pad of the DETR family is batch padding, which does not apply to one image.
        out[name + "ImageProcessor"] = {k: v for k, v in values.items() if v is not None and k not in ("image_processor_type", "do_pad")}
    return out


def timm():
    """timm's transforms_imagenet_eval over images of several shapes, with the sizes of its
    Resize and ResizeKeepRatio and of torchvision's CenterCrop, on Pillow images."""
    configs = [
        {"input_size": [3, 64, 64], "crop_pct": 0.95, "interpolation": "bicubic", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]},
        {"input_size": [3, 51, 51], "crop_pct": 0.875, "interpolation": "bilinear"},
        {"input_size": [3, 48, 48], "crop_pct": 1.0, "crop_mode": "squash"},
        {"input_size": [3, 48, 33], "crop_pct": 0.9, "crop_mode": "squash", "interpolation": "bilinear"},
        {"input_size": [3, 40, 56], "crop_pct": 0.9, "crop_mode": "center"},
        {},
    ]
    cases = []
    for config in configs:
        _, high, wide = config.get("input_size", [3, 224, 224])
        scaled = [math.floor(side / config.get("crop_pct", 0.875)) for side in (high, wide)]
        resample = Image.Resampling[config.get("interpolation", "bicubic").upper()]
        mean = np.array(config.get("mean", [0.485, 0.456, 0.406]), np.float32)
        std = np.array(config.get("std", [0.229, 0.224, 0.225]), np.float32)
        for width, height in ((97, 61), (60, 149), (40, 40)):
            if config.get("crop_mode") == "squash":
                h, w = scaled
            elif scaled[0] == scaled[1]:
                short, long = sorted((width, height))
                sides = scaled[0], int(scaled[0] * long / short)
                w, h = sides if width <= height else sides[::-1]
            else:
                ratio = min(height / scaled[0], width / scaled[1])
                h, w = round(height / ratio), round(width / ratio)
            image = Image.fromarray(test_image(width, height)).resize((w, h), resample)
            top, left = int(round((h - high) / 2.0)), int(round((w - wide) / 2.0))
            out = np.array(image.crop((left, top, left + wide, top + high))).astype(np.float32) / np.float32(255)
            out = ((out - mean) / std).transpose(2, 0, 1)
            cases.append({
                "config": {"architecture": "resnet18", "pretrained_cfg": config},
                "from": [width, height],
                "shape": out.shape,
                "sample": [round(float(v), 7) for v in out.ravel()[::997]],
                "sum": float(out.astype(np.float64).sum()),
            })
    return cases


def decoded():
    """Files, and Pillow's RGB bytes for them."""
    array = test_image(23, 17)
    alpha = np.dstack([array, (np.mgrid[0:17, 0:23][1] * 11 % 256).astype(np.uint8)])
    smooth = np.array(Image.fromarray(array).resize((6, 5)).resize((32, 24), Image.Resampling.BICUBIC))
    exif = Image.Exif()
    exif[0x0112] = 6
    cmyk = Image.fromarray(array).convert("CMYK")

    def save(image, form, **options):
        buffer = io.BytesIO()
        image.save(buffer, form, **options)
        data = buffer.getvalue()
        shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        shown = shown.convert("L" if shown.mode == "L" else "RGB")
        case = {"data": base64.b64encode(data).decode(), "from": shown.size}
        lossy = form == "JPEG" or form == "WEBP" and not options.get("lossless")
        return case | ({"pixels": encode(np.array(shown))} if lossy else {"sha256": digest(np.array(shown))})

    rgb, rgba = Image.fromarray(array), Image.fromarray(alpha)
    gray = rgb.convert("L")
    paletted = rgb.quantize(16)
    transparent = rgb.quantize(8)
    return {
        "webp lossless": save(rgb, "WEBP", lossless=True),
        "webp lossless alpha": save(rgba, "WEBP", lossless=True, exact=True),
        "webp lossy": save(Image.fromarray(smooth), "WEBP", quality=95),
        "webp lossy alpha": save(Image.fromarray(np.dstack([smooth, smooth[..., 0]])), "WEBP", quality=95),
        "webp exif": save(rgb, "WEBP", lossless=True, exif=exif.tobytes()),
        "png rgba": save(rgba, "PNG"),
        "png exif": save(rgb, "PNG", exif=exif.tobytes()),
        "png paletted": save(paletted, "PNG"),
        "png paletted transparent": save(transparent, "PNG", transparency=2),
        "png gray": save(gray, "PNG"),
        "png gray alpha": save(gray.convert("LA"), "PNG"),
        "png bilevel": save(gray.convert("1"), "PNG"),
        "gif": save(paletted, "GIF"),
        "gif transparent": save(transparent, "GIF", transparency=2),
        "jpeg 444": save(Image.fromarray(smooth), "JPEG", quality=95, subsampling=0),
        "jpeg 420": save(Image.fromarray(smooth), "JPEG", quality=95, subsampling=2),
        "jpeg 422": save(Image.fromarray(smooth), "JPEG", quality=95, subsampling=1),
        "jpeg gray": save(Image.fromarray(smooth).convert("L"), "JPEG", quality=95),
        "jpeg progressive": save(Image.fromarray(smooth), "JPEG", quality=95, subsampling=0, progressive=True),
        "jpeg cmyk": save(Image.fromarray(smooth).convert("CMYK"), "JPEG", quality=95),
        "jpeg exif": save(Image.fromarray(smooth), "JPEG", quality=95, subsampling=0, exif=exif.tobytes()),
        "bmp": save(rgb, "BMP"),
        "bmp paletted": save(paletted, "BMP"),
        "tiff": save(rgb, "TIFF"),
        "tiff lzw": save(rgb, "TIFF", compression="tiff_lzw"),
        "tiff deflate": save(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "tiff rgba": save(rgba, "TIFF"),
        "tiff orientation": save(rgb, "TIFF", tiffinfo={0x0112: 6}),
        "tiff gray": save(gray, "TIFF"),
    }


def write(name, value):
    value = {"pillow": PIL.__version__, "transformers": transformers.__version__, "cases": value}
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")).replace('},{"from"', '},\n{"from"').replace('},{"config"', '},\n{"config"') + "\n")


write("resample.json", resample())
write("processors.json", processors())
write("defaults.json", defaults())
write("timm.json", timm())
write("decoded.json", decoded())
