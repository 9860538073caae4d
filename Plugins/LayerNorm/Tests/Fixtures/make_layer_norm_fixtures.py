#!/usr/bin/env python3
"""Writes reference.json: what PyTorch's nn.LayerNorm makes of inputs, and of networks trained with it.

Needs Python 3, torch 2.15.0 and numpy 2.4.6. Run it in this folder:

    python3 make_layer_norm_fixtures.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "Tests" / "TestSupport"))
from normalization import convolutional, nn, normal, perceptron, replay, trajectory, write  # noqa: E402

replays = []


def add(name, axes, *shapes, **options):
    inputs = [normal(*shape) for shape in shapes]
    arguments = {"elementwise_affine" if option == "affine" else option: value for option, value in options.items()}
    layer = nn.LayerNorm(shapes[0][-axes:], **arguments)
    replays.append(replay(name, layer, inputs, inputs[0], axes=axes, **options))


add("a matrix with a last batch of one", 1, (5, 3), (5, 3), (1, 3))
add("two values", 1, (3, 2), eps=0.1)
add("rows wider than a vector", 1, (2, 67))
add("sequences", 1, (3, 5, 7), (2, 5, 7))
add("two axes of sequences", 2, (3, 5, 7))
add("three axes of images", 3, (2, 3, 5, 3), (1, 3, 5, 3))
add("another epsilon", 1, (3, 17), eps=0.1)
add("without weight and bias", 1, (3, 17), affine=False)

trajectories = [
    trajectory("perceptron", "LayerNorm", perceptron(nn.LayerNorm), (7,), 16),
    trajectory("convolutional", "LayerNorm", convolutional(nn.LayerNorm), (2, 8, 8), 8),
]
write(__file__, replays, trajectories)
