#!/usr/bin/env python3
"""Writes operations.json: what PyTorch makes of each operation of Tensors, with all gradients.

Needs Python 3, torch 2.15.0 and numpy. Run it in this folder:

    python3 make_operation_fixtures.py

The file maps the name of an operation (the same as in OperationTable.swift) to samples. A sample has inputs, the
output and the gradient of each input, given the gradient ((37 i) mod 64 - 31.5) / 32 of element i of the output.
Inputs are rounded to 32 bits; PyTorch computes with 64, so that the expected values carry no rounding of their own.
A tensor is a text, such as "f 3,17 <base64>": floats (or i: integers), the shape, little-endian 32-bit words.
"smooth" says whether central differences make sense there (no kinks or ties near by, no overflow).
"""

import base64
import json

import numpy
import torch
from torch.nn import functional as F

random = numpy.random.default_rng(20240607)
operations = {}


def stored(array):
    array = numpy.asarray(array)
    kind = "i" if array.dtype.kind == "i" else "f"
    data = numpy.ascontiguousarray(array, dtype="<" + kind + "4")
    return " ".join([kind, ",".join(map(str, array.shape)), base64.b64encode(data.tobytes()).decode()])


def sample(name, function, *inputs, smooth=True):
    """Evaluates function(*inputs) and its gradients, and files them under the name."""
    arrays = [x if x.dtype.kind == "i" else x.astype("float32") for x in map(numpy.asarray, inputs)]
    tensors = [torch.tensor(x, dtype=torch.int64 if x.dtype.kind == "i" else torch.float64) for x in arrays]
    for x in tensors:
        x.requires_grad_(x.dtype == torch.float64)
    output = function(*tensors)
    if output.requires_grad:
        cotangent = (37 * torch.arange(output.numel()) % 64 - 31.5) / 32
        output.backward(cotangent.reshape(output.shape).to(torch.float64))
    gradients = [
        None if x.dtype == torch.int64 else stored((torch.zeros_like(x) if x.grad is None else x.grad).numpy())
        for x in tensors
    ]
    operations.setdefault(name, []).append(
        {
            "inputs": [stored(x) for x in arrays],
            "output": stored(output.detach().numpy()),
            "gradients": gradients,
            "smooth": smooth,
        }
    )


def normal(*shape):
    return random.standard_normal(shape)


def positive(*shape):
    return random.uniform(0.5, 2, shape)


def away_from(points, *shape):
    """Normal numbers that keep a distance of 0.05 from kinks."""
    x = numpy.asarray(normal(*shape) * 2)
    for point in points:
        near = numpy.abs(x - point) < 0.05
        x[near] = point + numpy.where(x[near] < point, -0.1, 0.1)
    return x


def distinct(*shape):
    """Numbers at least 0.1 apart, in random order."""
    count = int(numpy.prod(shape))
    return (random.permutation(count) * 0.1 - count * 0.05).reshape(shape)


def labels(high, *shape):
    return random.integers(0, high, shape).astype("int32")


def probabilities(*shape):
    x = numpy.exp(normal(*shape))
    return x / x.sum(-1, keepdims=True)


# Unary functions.
unary_shapes = [(1,), (3, 11)]
extremes = numpy.array([-100, -30, -9, -5, -1e-3, -1e-6, 0, 1e-6, 1e-3, 5, 9, 30, 80.0])
unary = {
    "magnitude": (torch.abs, [0]),
    "sign": (torch.sign, [0]),
    "squared": (torch.square, []),
    "exp": (torch.exp, []),
    "sin": (torch.sin, []),
    "cos": (torch.cos, []),
    "tanh": (torch.tanh, []),
    "sigmoid": (torch.sigmoid, []),
    "relu": (torch.relu, [0]),
    "leakyReLU": (lambda x: F.leaky_relu(x, 0.2), [0]),
    "elu": (lambda x: F.elu(x, 1.5), [0]),
    "gelu": (F.gelu, []),
    "geluTanh": (lambda x: F.gelu(x, approximate="tanh"), []),
    "silu": (F.silu, []),
    "softplus": (lambda x: F.softplus(x, threshold=1000), []),
    "errorFunction": (torch.erf, []),
    "floor": (torch.floor, range(-6, 7)),
    "rounded": (torch.round, [n + 0.5 for n in range(-6, 7)]),
    "negated": (torch.neg, []),
    "clamped": (lambda x: torch.clamp(x, -0.5, 1), [-0.5, 1]),
}
for name, (function, kinks) in unary.items():
    for shape in unary_shapes:
        sample(name, function, away_from(kinks, *shape))
    sample(name, function, extremes, smooth=False)
for name, function in {
    "squareRoot": torch.sqrt,
    "reciprocalSquareRoot": torch.rsqrt,
    "reciprocal": torch.reciprocal,
    "log": torch.log,
}.items():
    for shape in unary_shapes:
        sample(name, function, positive(*shape))
    sample(name, function, numpy.array([1e-12, 1e-6, 0.1, 1, 7, 1e6, 1e12]), smooth=False)

# Binary functions, with broadcasting.
pairs = [
    ((1,), (1,)), ((33,), (33,)), ((), (16,)), ((31,), ()), ((2, 17), (17,)), ((15,), (2, 15)), ((2, 17), (2, 1)),
    ((2, 1, 3), (4, 1)), ((5, 1), (1, 3)), ((1, 5), (3, 5)),
]  # fmt: skip
for a, b in pairs:
    sample("add", torch.add, normal(*a), normal(*b))
    sample("subtract", torch.subtract, normal(*a), normal(*b))
    sample("multiply", torch.multiply, normal(*a), normal(*b))
    sample("divide", torch.divide, normal(*a), positive(*b))
    sample("power", torch.pow, positive(*a), normal(*b))
    count = int(numpy.prod(a))
    both = distinct(count + int(numpy.prod(b)))
    sample("greatest", torch.maximum, both[:count].reshape(a), both[count:].reshape(b))
    sample("smallest", torch.minimum, both[:count].reshape(a), both[count:].reshape(b))
ties = numpy.array([1, 2, 3, 4.0])
sample("greatest", torch.maximum, ties, numpy.array([1, 3, 2, 4.0]), smooth=False)
sample("smallest", torch.minimum, ties, numpy.array([1, 3, 2, 4.0]), smooth=False)
sample("power", torch.pow, numpy.array([0, 0, 0, 2.0, -2]), numpy.array([0, 1, 2.0, 0, 1]), smooth=False)
operations["power"][-1]["gradients"][1] = None  # log of a negative base: NaN
for shape in unary_shapes:
    sample("numbers", lambda x: 1.5 - (((2.5 * x + 0.5) - 0.25) / 3 + 1.25) * 2, normal(*shape))
    sample("quotientOfNumber", lambda x: 2 / x, positive(*shape))
    sample("cubed", lambda x: x**3, normal(*shape))
    sample("powerOfMinusThreeHalves", lambda x: x**-1.5, positive(*shape))
    sample("powerOfZero", lambda x: x**0, normal(*shape))
    sample("selfProduct", lambda x: x * x * x + x, normal(*shape))
sample("cubed", lambda x: x**3, numpy.array([0.0, -2]))
for shape in [((5, 3), (5, 3), (5, 3)), ((3, 1), (1, 17), ())]:
    condition = (normal(*shape[0]) > 0) * 2.0
    sample("select", lambda c, a, b: torch.where(c.detach() != 0, a, b), condition, normal(*shape[1]), normal(*shape[2]))
    operations["select"][-1]["smooth"] = False

# Reductions.
for shape in [(1,), (17,), (3, 11), (2, 1, 16), ()]:
    x = normal(*shape)
    sample("sum", torch.sum, x)
    sample("mean", torch.mean, x)
    sample("variance", lambda x: torch.var(x, correction=0), x)
    sample("sumOfSquares", lambda x: (x**2).sum(), x)
    sample("sumOfMagnitudes", lambda x: x.abs().sum(), away_from([0], *shape))
    sample("norm", torch.linalg.vector_norm, x)
    sample("largest", torch.amax, distinct(*shape))
    sample("least", torch.amin, distinct(*shape))
sample("norm", torch.linalg.vector_norm, numpy.zeros((3,)), smooth=False)
for shape in [(2, 3, 5), (2, 1, 17), (3, 16, 1)]:
    x = normal(*shape)
    sample("sumFirst", lambda x: x.sum(0), x)
    sample("sumMiddle", lambda x: x.sum(1, keepdim=True), x)
    sample("sumLast", lambda x: x.sum(-1), x)
    sample("meanOuter", lambda x: x.mean((0, 2)), x)
    sample("meanKept", lambda x: x.mean((1, 2), keepdim=True), x)
    sample("varianceLast", lambda x: x.var(-1, correction=0), x)
    sample("largestLast", lambda x: x.amax(-1), distinct(*shape))
    sample("leastOuter", lambda x: x.amin((0, 2), keepdim=True), distinct(*shape))
sample("varianceUnbiased", lambda x: x.var((0, 2)), normal(2, 3, 5))
tied = numpy.array([[1, 3, 3], [2, 2, 2], [5, 1, 1.0]])
sample("largestLast", lambda x: x.amax(-1), tied, smooth=False)
sample("leastOuter", lambda x: x.amin((0, 2), keepdim=True), tied.reshape(3, 1, 3), smooth=False)

# Shapes.
for shape in [(2, 3, 5), (1, 2, 17)]:
    x = normal(*shape)
    sample("transposed", lambda x: x.transpose(-1, -2), x)
    sample("rotated", lambda x: x.permute(2, 0, 1), x)
    sample("flattenedRest", lambda x: x.flatten(1), x)
    sample("middle", lambda x: x[..., 1:-1], x)
    sample("first", lambda x: x[0], x)
    sample("repeated", lambda x: x.reshape(-1, 1, shape[2]).expand(-1, 3, -1), x)
    sample("joinedMiddle", lambda x, y: torch.cat([x, y, x], 1), x, normal(shape[0], 2, shape[2]))
    sample("stackedLast", lambda x, y: torch.stack([x, y], -1), x, normal(*shape))
    sample("splitProduct", lambda x: x[..., :2] * x[..., 2:4], x)
sample("gathered", lambda x, i: x[i], normal(7, 3), labels(7, 2, 5))
sample("gathered", lambda x, i: x[i], normal(3, 2, 17), labels(3, 11))
for width in [1, 16, 17]:
    sample("embedding", lambda i, w: F.embedding(i, w), labels(5, 2, 9), normal(5, width))

# Matrix products.
sample("matmul", torch.matmul, normal(16, 17), normal(17, 15))
sample("matmul", torch.matmul, normal(1, 31), normal(31, 33))
for batch_a, batch_b in [((), ()), ((2,), (2,)), ((2, 1), (2, 1)), ((3,), ()), ((), (3,))]:
    for m, n, k in [(1, 1, 1), (3, 2, 5)]:
        a, b = normal(*batch_a, m, k), normal(*batch_b, k, n)
        sample("matmul", torch.matmul, a, b)
        sample("matmulA", lambda a, b: a.mT @ b, a.swapaxes(-1, -2), b)
        sample("matmulB", lambda a, b: a @ b.mT, a, b.swapaxes(-1, -2))
        sample("matmulAB", lambda a, b: a.mT @ b.mT, a.swapaxes(-1, -2), b.swapaxes(-1, -2))
for leading, inputs, outputs in [((1,), 1, 1), ((5,), 7, 3), ((16,), 3, 17), ((2, 3), 5, 3), ((), 4, 6)]:
    x, w, b = normal(*leading, inputs), normal(inputs, outputs), normal(outputs)
    sample("linear", lambda x, w, b: x @ w + b, x, w, b)
    sample("linearWithoutBias", lambda x, w: x @ w, x, w)
    sample("linearReLU", lambda x, w, b: torch.relu(x @ w + b), x, w, b, smooth=False)

# Softmax and losses.
for rows, columns in [(1, 1), (3, 2), (2, 16), (1, 17), (2, 33)]:
    x = normal(rows, columns) * 3
    sample("softmax", lambda x: x.softmax(-1), x)
    sample("logSoftmax", lambda x: x.log_softmax(-1), x)
    y = labels(columns, rows)
    sample("crossEntropy", lambda x, y: F.cross_entropy(x, y), x, y)
    sample("crossEntropyPerRow", lambda x, y: F.cross_entropy(x, y, reduction="none"), x, y)
    p = probabilities(rows, columns)
    sample("crossEntropy", lambda x, p: -(p * x.log_softmax(-1)).sum(-1).mean(), x, p)
    sample("crossEntropyPerRow", lambda x, p: -(p * x.log_softmax(-1)).sum(-1), x, p)
sample("softmax", lambda x: x.softmax(-1), numpy.array([[1000, 999, 0], [-1000, -1001, -999.0]]), smooth=False)
sample("crossEntropy", lambda x, y: F.cross_entropy(x, y), numpy.array([[80, 0, -80.0]] * 2), numpy.array([0, 1], "i4"),
       smooth=False)  # fmt: skip
sample("crossEntropy", lambda x, y: F.cross_entropy(x.movedim(-1, 1), y), normal(2, 3, 5), labels(5, 2, 3))


def causal(x):
    queries, keys = x.shape[-2:]
    mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    return x.masked_fill(~mask, -torch.inf).softmax(-1)


for shape in [(3, 3), (2, 2, 5, 5), (17, 17), (3, 5), (1, 1)]:
    sample("causalSoftmax", causal, normal(*shape))
for shape in [(1,), (17,), (2, 3, 5)]:
    x, y = normal(*shape), normal(*shape)
    sample("meanSquaredError", F.mse_loss, x, y)
    sample("scaledMeanSquaredError", lambda x, y: 0.5 * F.mse_loss(x, y), x, y)
    sample("meanAbsoluteError", F.l1_loss, y + away_from([0], *shape), y)
    sample("huber", lambda x, y: F.huber_loss(x, y, delta=0.7), y + away_from([-0.7, 0.7], *shape), y)
    sample("binaryCrossEntropy", F.binary_cross_entropy_with_logits, x * 3, positive(*shape) / 2)
sample("binaryCrossEntropy", F.binary_cross_entropy_with_logits, numpy.array([10, -10, 50, -50, 5, 100.0]),
       numpy.array([1, 0, 1, 0, 0.5, 0]), smooth=False)  # fmt: skip

# Convolution and pooling.
convolutions = {
    "conv2d": ({}, [((1, 1, 1, 1), (1, 1, 1, 1)), ((2, 3, 4, 5), (2, 3, 3, 3)), ((1, 1, 2, 17), (3, 1, 2, 1))]),
    "conv2dPadded": ({"padding": (1, 2)}, [((2, 3, 4, 5), (2, 3, 3, 3)), ((1, 1, 2, 1), (2, 1, 3, 5))]),
    "conv2dStrided": ({"stride": (2, 3), "padding": 1}, [((1, 2, 5, 7), (3, 2, 3, 3)), ((1, 2, 6, 5), (1, 2, 1, 2))]),
    "conv2dDilated": ({"dilation": (2, 1), "padding": (2, 0)}, [((1, 2, 5, 6), (3, 2, 3, 2))]),
    "conv2dGrouped": ({"groups": 2, "padding": 1}, [((2, 4, 3, 2), (6, 2, 3, 3)), ((1, 2, 5, 4), (2, 1, 3, 3))]),
}
for name, (options, shapes) in convolutions.items():
    for x, w in shapes:
        sample(
            name, lambda x, w, b, options=options: F.conv2d(x, w, b, **options), normal(*x), normal(*w), normal(w[0])
        )
sample("conv2dWithoutBias", F.conv2d, normal(1, 3, 3, 4), normal(2, 3, 2, 2))
for shape in [(2, 2, 4, 5), (1, 1, 3, 17)]:
    sample("maxPool2d", lambda x: F.max_pool2d(x, 2), distinct(*shape))
    sample("maxPool2dOverlapping", lambda x: F.max_pool2d(x, 3, (2, 1), (1, 0)), distinct(*shape))
    sample("averagePool2d", lambda x: F.avg_pool2d(x, (2, 3)), normal(*shape))
    sample("averagePool2dOverlapping", lambda x: F.avg_pool2d(x, 3, (2, 1), (1, 0)), normal(*shape))
    sample("globalAveragePool2d", lambda x: x.mean((2, 3)), normal(*shape))


# Normalization.
def rms(x, w, b):
    return x * torch.rsqrt((x**2).mean(-1, keepdim=True) + 1e-5) * w + b


for shape in [(5, 3), (7, 17), (2, 3, 2, 5), (2, 1, 3, 3), (2, 7, 3)]:
    x, w, b = normal(*shape) * 2 + 3, positive(shape[1]), normal(shape[1])
    sample("batchNorm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), x, w, b)
    sample("batchNormPlain", lambda x: F.batch_norm(x, None, None, None, None, True), x)
    mean, variance = normal(shape[1]), positive(shape[1])
    sample("batchNormFixed", lambda x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach(), w, b), x, w, b, mean, variance)
    operations["batchNormFixed"][-1]["smooth"] = False  # statistics are constants
for shape in [(1, 3), (3, 16), (1, 2, 17)]:
    x, w, b = normal(*shape) * 2 + 1, positive(shape[-1]), normal(shape[-1])
    sample("layerNorm", lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), x, w, b)
    sample("rmsNorm", rms, x, w, b)
sample("layerNormTwoAxes", lambda x, w, b: F.layer_norm(x, x.shape[1:], w, b), normal(3, 2, 5), positive(2, 5), normal(2, 5))
for shape in [(2, 4, 3), (1, 6, 2, 3), (1, 2, 17)]:
    x, w, b = normal(*shape) + 1, positive(shape[1]), normal(shape[1])
    sample("groupNorm", lambda x, w, b: F.group_norm(x, 2, w, b), x, w, b)

# Numbers in place of tensors.
for shape in unary_shapes:
    sample("greatestNumber", lambda x: torch.maximum(torch.maximum(x, torch.tensor(0.25)), torch.tensor(-0.5)),
           away_from([0.25], *shape))  # fmt: skip
    sample("smallestNumber", lambda x: torch.minimum(torch.tensor(0.5), torch.minimum(x, torch.tensor(1.0))),
           away_from([0.5], *shape))  # fmt: skip
    sample("clampedBelow", lambda x: torch.clamp(x, min=-0.5), away_from([-0.5], *shape))
    sample("clampedAbove", lambda x: torch.clamp(x, max=0.75), away_from([0.75], *shape))
    sample("powerOfNumber", lambda x: 1.7**x, normal(*shape))
sample("greatestNumber", lambda x: torch.maximum(x, torch.tensor(0.25)), numpy.array([0.25, 0, 1]), smooth=False)

# Variances where the mean is large beside the spread.
for shape in [(3,), (2, 1, 5), (31, 17)]:
    x = (1e4 + 0.01 * normal(*shape)).astype("float32")
    sample("variance", lambda x: torch.var(x, correction=0), x, smooth=False)
    sample("varianceLast", lambda x: x.var(-1, correction=0), x, smooth=False)


# Masks of attention: 0 where no query may attend to the key. Rows without a key are 0, as in PyTorch.
def masked(x, mask, causal=False):
    keys = (mask.detach() != 0).reshape(mask.shape[0], *[1] * (x.dim() - 2), mask.shape[1])
    if causal:
        keys = keys & torch.ones(x.shape[-2:], dtype=torch.bool).tril(x.shape[-1] - x.shape[-2])
    scores = x.masked_fill(~keys, -torch.inf)
    empty = ~keys.any(-1, keepdim=True)
    return scores.masked_fill(empty, 0).softmax(-1).masked_fill(empty, 0)


def attention(q, k, v, mask):
    keys = (mask.detach() != 0)[:, None, None, :].expand(-1, -1, q.shape[2], -1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keys)


for batch, heads, queries, keys in [(2, 1, 3, 3), (3, 2, 5, 5), (2, 3, 2, 17)]:
    mask = (random.random((batch, keys)) < 0.7) * 1.0
    mask[0] = 0
    mask[1, 0] = 0
    scores = normal(batch, heads, queries, keys)
    sample("maskedSoftmax", masked, scores, mask)
    sample("maskedSoftmax", masked, scores[:, 0], mask)
    sample("maskedCausalSoftmax", lambda x, mask: masked(x, mask, causal=True), scores, mask)
    q, k, v = normal(batch, heads, queries, 4), normal(batch, heads, keys, 4), normal(batch, heads, keys, 4)
    sample("maskedAttention", attention, q, k, v, mask)
for name in "maskedSoftmax", "maskedCausalSoftmax", "maskedAttention":
    for masked_sample in operations[name]:
        masked_sample["smooth"] = False  # the mask is a constant

# Sequences, and windows that differ vertically and horizontally.
sequences = {
    "conv1d": ({}, [((1, 1, 1), (1, 1, 1)), ((2, 3, 17), (5, 3, 4))]),
    "conv1dEverything": ({"stride": 3, "padding": 4, "dilation": 2, "groups": 2}, [((2, 4, 18), (6, 2, 5))]),
}
for name, (options, shapes) in sequences.items():
    for x, w in shapes:
        sample(
            name, lambda x, w, b, options=options: F.conv1d(x, w, b, **options), normal(*x), normal(*w), normal(w[0])
        )
sample("conv1dWithoutBias", F.conv1d, normal(2, 3, 9), normal(4, 3, 2))
uneven = {"stride": (1, 3), "padding": (2, 1), "dilation": (2, 1), "groups": 2}
for x, w in [((2, 4, 5, 9), (6, 2, 3, 2)), ((1, 2, 3, 17), (2, 1, 2, 5))]:
    sample("conv2dUneven", lambda x, w, b: F.conv2d(x, w, b, **uneven), normal(*x), normal(*w), normal(w[0]))
for shape in [(2, 2, 9), (1, 1, 17)]:
    sample("maxPool1d", lambda x: F.max_pool1d(x, 2), distinct(*shape))
    sample("maxPool1dOverlapping", lambda x: F.max_pool1d(x, 3, 2, 1), distinct(*shape))

with open("operations.json", "w") as file:
    lines = [f"{json.dumps(name)}: {json.dumps(samples)}" for name, samples in sorted(operations.items())]
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
print(len(operations), "operations,", sum(map(len, operations.values())), "samples")
