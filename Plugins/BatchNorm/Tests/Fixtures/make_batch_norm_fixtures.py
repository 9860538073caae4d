#!/usr/bin/env python3
"""Writes reference.json: what PyTorch's nn.BatchNorm1d, 2d and 3d makes of inputs, and of networks trained with it.

Needs Python 3, torch 2.15.0 and numpy 2.4.6. Run it in this folder:

    python3 make_batch_norm_fixtures.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "Tests" / "TestSupport"))
from normalization import convolutional, nn, normal, perceptron, replay, trajectory, write  # noqa: E402

replays = []


def add(layer, name, *shapes, **options):
    inputs = [normal(*shape) for shape in shapes]
    arguments = {"track_running_stats" if option == "tracks" else option: value for option, value in options.items()}
    replays.append(replay(name, layer(shapes[0][1], **arguments), inputs[:-1], inputs[-1], **options))


# The last shape of each is evaluated after training on those before it.
add(nn.BatchNorm1d, "a matrix with a short last batch", (5, 3), (5, 3), (3, 3), (4, 3))
add(nn.BatchNorm1d, "one channel of two values", (2, 1), (2, 1), (1, 1), eps=0.1)
add(nn.BatchNorm1d, "more channels than a vector is wide", (3, 37), (3, 37), (1, 37))
add(nn.BatchNorm1d, "sequences", (3, 5, 7), (1, 5, 7), (2, 5, 7))
add(nn.BatchNorm2d, "images with a last batch of one", (3, 4, 5, 3), (3, 4, 5, 3), (1, 4, 5, 3), (2, 4, 5, 3))
add(nn.BatchNorm2d, "a batch of one image", (1, 3, 3, 1), (1, 3, 3, 1))
add(nn.BatchNorm2d, "wide images", (2, 2, 5, 19), (2, 2, 5, 19))
add(nn.BatchNorm3d, "volumes", (2, 3, 3, 2, 5), (1, 3, 3, 2, 5), (1, 3, 3, 2, 5))
add(nn.BatchNorm1d, "another momentum", (5, 3), (5, 3), (4, 3), momentum=0.7)
add(nn.BatchNorm1d, "the average of all batches", (5, 3), (5, 3), (5, 3), (3, 3), (4, 3), momentum=None)
add(nn.BatchNorm2d, "another epsilon", (2, 3, 3, 3), (2, 3, 3, 3), eps=0.1)
add(nn.BatchNorm2d, "without weight and bias", (2, 3, 3, 3), (2, 3, 3, 3), affine=False)
add(nn.BatchNorm2d, "without running statistics", (2, 3, 3, 3), (2, 3, 3, 3), tracks=False)

trajectories = [
    trajectory("perceptron", "BatchNorm", perceptron(lambda shape: nn.BatchNorm1d(shape[0])), (7,), 16),
    trajectory("convolutional", "BatchNorm", convolutional(lambda shape: nn.BatchNorm2d(shape[0])), (2, 8, 8), 8),
]
write(__file__, replays, trajectories)
