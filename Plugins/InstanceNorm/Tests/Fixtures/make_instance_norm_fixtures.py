#!/usr/bin/env python3
"""Writes reference.json: what PyTorch's nn.InstanceNorm1d, 2d and 3d makes of inputs, and of networks trained with it.

Needs Python 3, torch 2.15.0 and numpy 2.4.6. Run it in this folder:

    python3 make_instance_norm_fixtures.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "Tests" / "TestSupport"))
from normalization import convolutional, nn, normal, replay, trajectory, write  # noqa: E402

replays = []


def add(layer, name, *shapes, **options):
    inputs = [normal(*shape) for shape in shapes]
    replays.append(replay(name, layer(shapes[0][1], **options), inputs, inputs[0], **options))


add(nn.InstanceNorm2d, "images with a last batch of one", (3, 4, 5, 3), (3, 4, 5, 3), (1, 4, 5, 3))
add(nn.InstanceNorm2d, "two positions", (2, 3, 1, 2), eps=0.1)
add(nn.InstanceNorm2d, "images wider than a vector", (2, 1, 3, 19))
add(nn.InstanceNorm2d, "with weight and bias", (2, 3, 3, 5), (1, 3, 3, 5), affine=True)
add(nn.InstanceNorm1d, "sequences with weight and bias", (3, 5, 7), affine=True)
add(nn.InstanceNorm3d, "volumes", (2, 3, 2, 3, 5))
add(nn.InstanceNorm2d, "another epsilon", (2, 3, 3, 3), eps=0.1)

trajectories = [
    trajectory("convolutional", "InstanceNorm", convolutional(lambda shape: nn.InstanceNorm2d(shape[0])), (2, 8, 8), 8),
    trajectory(
        "convolutional, with weight and bias", "InstanceNorm",
        convolutional(lambda shape: nn.InstanceNorm2d(shape[0], affine=True)), (2, 8, 8), 8,
    ),
]
write(__file__, replays, trajectories)
