#!/usr/bin/env python3
"""Writes reference.json: what PyTorch's nn.GroupNorm makes of inputs, and of networks trained with it.

Needs Python 3, torch 2.15.0 and numpy 2.4.6. Run it in this folder:

    python3 make_group_norm_fixtures.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "Tests" / "TestSupport"))
from normalization import convolutional, nn, normal, perceptron, replay, trajectory, write  # noqa: E402

replays = []


def add(name, groups, *shapes, **options):
    inputs = [normal(*shape) for shape in shapes]
    layer = nn.GroupNorm(groups, shapes[0][1], **options)
    replays.append(replay(name, layer, inputs, inputs[0], groups=groups, **options))


add("images with a last batch of one", 2, (3, 6, 5, 3), (3, 6, 5, 3), (1, 6, 5, 3))
add("one group", 1, (2, 3, 3, 5))
add("a group for each channel", 5, (2, 5, 3, 3))
add("matrices", 3, (5, 9), (2, 9))
add("sequences", 2, (3, 4, 7))
add("volumes", 3, (2, 6, 2, 3, 5))
add("images wider than a vector", 2, (1, 4, 3, 19))
add("another epsilon", 2, (2, 4, 3, 3), eps=0.1)
add("without weight and bias", 2, (2, 4, 3, 3), affine=False)

trajectories = [
    trajectory("perceptron", "GroupNorm", perceptron(lambda shape: nn.GroupNorm(2, shape[0])), (7,), 16),
    trajectory("convolutional", "GroupNorm", convolutional(lambda shape: nn.GroupNorm(2, shape[0])), (2, 8, 8), 8),
]
write(__file__, replays, trajectories)
