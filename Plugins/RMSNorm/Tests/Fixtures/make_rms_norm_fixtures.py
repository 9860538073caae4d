#!/usr/bin/env python3
"""Writes reference.json: what PyTorch's nn.RMSNorm makes of inputs, and of networks trained with it.

Needs Python 3, torch 2.15.0 and numpy 2.4.6. Run it in this folder:

    python3 make_rms_norm_fixtures.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "Tests" / "TestSupport"))
from normalization import convolutional, nn, normal, perceptron, replay, trajectory, write  # noqa: E402

import torch  # noqa: E402

replays = []


class Outside(nn.Module):
    """The form in the code published with the paper: x / (RMS + eps), by norm(x) / sqrt(count)."""

    def __init__(self, shape, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.eps = eps
        self.axes = tuple(range(-len(shape), 0))

    def forward(self, x):
        size = torch.linalg.vector_norm(x, dim=self.axes, keepdim=True)
        return x / (size / self.weight.numel() ** 0.5 + self.eps) * self.weight


def add(name, axes, *shapes, **options):
    arguments = {"elementwise_affine" if option == "affine" else option: value for option, value in options.items()}
    inputs = [normal(*shape) for shape in shapes]
    layer = nn.RMSNorm(shapes[0][-axes:], **{"eps": 1e-6, **arguments})
    replays.append(replay(name, layer, inputs, inputs[0], axes=axes, **options))


def add_outside(name, axes, *shapes, eps):
    inputs = [normal(*shape) for shape in shapes]
    layer = Outside(shapes[0][-axes:], eps)
    replays.append(replay(name, layer, inputs, inputs[0], axes=axes, eps=eps, outside=True))


add("a matrix with a last batch of one", 1, (5, 3), (5, 3), (1, 3))
add("one value", 1, (3, 1), eps=0.1)
add("rows wider than a vector", 1, (2, 67))
add("sequences", 1, (3, 5, 7), (2, 5, 7))
add("two axes of sequences", 2, (3, 5, 7))
add("three axes of images", 3, (2, 3, 5, 3), (1, 3, 5, 3))
add("another epsilon", 1, (3, 17), eps=0.1)
add("without weight", 1, (3, 17), affine=False)
add_outside("epsilon outside the root", 1, (5, 3), (5, 3), (1, 3), eps=1e-6)
add_outside("a great epsilon outside the root", 2, (3, 5, 7), eps=0.1)

trajectories = [
    trajectory("perceptron", "RMSNorm", perceptron(lambda shape: nn.RMSNorm(shape, eps=1e-6)), (7,), 16),
    trajectory("convolutional", "RMSNorm", convolutional(lambda shape: nn.RMSNorm(shape, eps=1e-6)), (2, 8, 8), 8),
    trajectory("perceptron, epsilon outside", "RMSNorm", perceptron(lambda shape: Outside(shape, 1e-6)), (7,), 16),
]
write(__file__, replays, trajectories)
