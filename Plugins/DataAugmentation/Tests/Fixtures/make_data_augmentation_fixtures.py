#!/usr/bin/env python3
"""Writes reference.json: what torchvision makes of images for given values.

Needs Python 3, torch 2.15.0, torchvision 0.29.2 and numpy. Run it in this folder:

    python3 make_data_augmentation_fixtures.py

The file has "images", texts such as "f 3,17 <base64>" (floats, shape, little-endian 32-bit words), and "cases". A case
names its image, the steps that change it (such as "scale 1.2; rotation 25"), the fill, the range of the values and the
result. "crossing" says that the edge of the moved image may run through pixels, so that the way in which
it is blended with the fill counts. Images in other ranges than 0...1 are mapped there for torchvision and back.
"""

import base64
import json

import numpy
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

random = numpy.random.default_rng(20240611)
images, cases = {}, []


def stored(array):
    array = numpy.ascontiguousarray(array, dtype="<f4")
    return "f " + ",".join(map(str, array.shape)) + " " + base64.b64encode(array.tobytes()).decode()


for channels, height, width in [(1, 7, 9), (3, 5, 6), (1, 1, 1), (3, 1, 4), (1, 12, 3)]:
    values = random.random((channels, height, width), dtype=numpy.float32)
    if (channels, height, width) == (3, 5, 6):
        values[:, 0, :4] = values[0, 0, :4]  # gray pixels
        values[:, 1, 0], values[:, 1, 1] = 0, 1
        values[:, 2, 0], values[:, 2, 1] = (1, 0, 0), (1, 1, 0)
        values[:, 2, 2], values[:, 2, 3] = (0, 1, 1), (0.5, 0.25, 0.5)
    images[f"{channels}x{height}x{width}"] = values


def affine(image, fill, angle=0.0, translate=(0, 0), scale=1.0, shear=(0.0, 0.0)):
    return F.affine(image, angle, list(translate), scale, list(shear), InterpolationMode.BILINEAR, fill=fill)


def padded_crop(image, fill, top, left, height, width, padding):
    size = list(image.shape[-2:])
    image = F.crop(F.pad(image, [padding] * 4, fill=fill), top, left, height, width)
    if [height, width] == size:
        return image
    return F.resize(image, size, InterpolationMode.BILINEAR, antialias=False)


def changed(image, fill, name, *n):
    """One step, by the name that the tests know."""
    if name == "horizontalFlip": return F.horizontal_flip(image)
    if name == "verticalFlip": return F.vertical_flip(image)
    if name == "rotation": return affine(image, fill, angle=n[0])
    if name == "translation": return affine(image, fill, translate=n)
    if name == "scale": return affine(image, fill, scale=n[0])
    if name == "shear": return affine(image, fill, shear=n)
    if name == "crop": return padded_crop(image, fill, *n)
    if name == "resizedCrop":
        return F.resized_crop(image, *n, list(image.shape[-2:]), InterpolationMode.BILINEAR, antialias=False)
    if name == "brightness": return F.adjust_brightness(image, n[0])
    if name == "contrast": return F.adjust_contrast(image, n[0])
    if name == "saturation": return F.adjust_saturation(image, n[0])
    if name == "hue": return F.adjust_hue(image, n[0])
    if name == "erasing":
        top, left, height, width, value = n
        return F.erase(image, top, left, height, width, torch.tensor([value]).view(1, 1, 1))
    raise ValueError(name)


def case(image, steps, fill=0.0, range=(0.0, 1.0), crossing=False, by=None):
    """`by` computes the result where it is not one function of torchvision after the other."""
    low, high = range
    source = images[image] if range == (0.0, 1.0) else images[image] * (high - low) + low
    result = torch.from_numpy(source.copy())
    colors = {"brightness", "contrast", "saturation", "hue"}
    if by:
        result = by(result, fill)
    else:
        for step in steps:
            if step[0] in colors:
                result = changed((result - low) / (high - low), fill, *step) * (high - low) + low
            else:
                result = changed(result, fill, *step)
    cases.append({
        "image": image, "steps": "; ".join(" ".join(map(str, step)) for step in steps), "fill": fill,
        "range": list(range), "crossing": crossing, "result": stored(result.numpy()),
    })


for name in images:
    height, width = images[name].shape[1:]
    for fill in (0.0, -1.0):
        crossing = dict(fill=fill, crossing=True)
        case(name, [("rotation", 10)], **crossing)
        case(name, [("rotation", -137.5)], **crossing)
        case(name, [("scale", 0.7)], **crossing)
        case(name, [("scale", 1.9)], **crossing)
        case(name, [("shear", 15, 0)], **crossing)
        case(name, [("shear", -20, 11)], **crossing)
        case(name, [("translation", 0.75, -1.3)], **crossing)
        case(name, [("translation", 2, -1)], fill=fill)
        case(name, [("crop", 0, 3, height, width, 2)], fill=fill)
        # scale, shear, rotation and translation in this order are one affine map of torchvision's.
        case(name, [("scale", 1.2), ("shear", 9, -4), ("rotation", 25), ("translation", 1, -2)], **crossing,
             by=lambda x, fill: affine(x, fill, 25, (1, -2), 1.2, (9, -4)))
        case(name, [("horizontalFlip",), ("rotation", 30)], **crossing)
        case(name, [("verticalFlip",), ("scale", 0.8), ("rotation", -30)], **crossing,
             by=lambda x, fill: affine(F.vertical_flip(x), fill, -30, (0, 0), 0.8))
    case(name, [("horizontalFlip",)])
    case(name, [("verticalFlip",), ("horizontalFlip",)])
    case(name, [("crop", 1, 0, max(1, height - 2), max(1, width - 1), 1)], fill=0.5)
    case(name, [("resizedCrop", height // 3, width // 4, (height + 1) // 2, (width + 2) // 2)])
    case(name, [("resizedCrop", 0, 0, 1, 1)])
    case(name, [("erasing", height // 3, 0, (height + 1) // 2, (width + 1) // 2, 0.25)])
    for range in [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]:
        case(name, [("brightness", 0.6)], range=range)
        case(name, [("contrast", 1.8)], range=range)
        case(name, [("saturation", 0.3)], range=range)
        case(name, [("hue", -0.21)], range=range)
    for step in [("brightness", 1.7), ("contrast", 0.4), ("saturation", 2.2), ("hue", -0.5), ("hue", 0.1), ("hue", 0.43)]:
        case(name, [step])
    case(name, [("brightness", 1.3), ("rotation", 12), ("contrast", 0.7), ("horizontalFlip",), ("hue", 0.2),
                ("saturation", 1.5), ("erasing", 0, 0, 1, 1, 0.5)], crossing=True)

with open("reference.json", "w") as file:
    json.dump({"images": {name: stored(image) for name, image in images.items()}, "cases": cases}, file, indent=0, separators=(",", ":"))
    file.write("\n")
print(len(cases), "cases")
