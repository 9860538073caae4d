"""What PyTorch makes of its normalization layers: replays of single layers, and trajectories of trained networks.

Used by the scripts Plugins/*Norm/Tests/Fixtures/make_*_fixtures.py. Needs Python 3, torch 2.15.0 and numpy 2.4.6.

Inputs and initial parameters are rounded to 32 bits; PyTorch computes with 64, so that the expected values carry no
rounding of their own. A tensor is a text, such as "f 3,17 <base64>": floats (or i: integers), the shape, little-endian
32-bit words.
"""

import base64
import copy
import json
import pathlib

import numpy
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(20150206)


def stored(tensor):
    array = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else numpy.asarray(tensor)
    kind = "i" if array.dtype.kind == "i" else "f"
    data = numpy.ascontiguousarray(array, dtype="<" + kind + "4")
    return " ".join([kind, ",".join(map(str, array.shape)), base64.b64encode(data.tobytes()).decode()])


def rounded(tensor):
    """The tensor with its elements rounded to 32 bits."""
    return tensor.to(torch.float32).to(torch.float64)


def normal(*shape):
    """Normal numbers with a mean and a scale of their own for each position along axis 1."""
    channels = (1, shape[1]) + (1,) * (len(shape) - 2)
    return rounded(torch.randn(shape) * (0.5 + torch.rand(channels)) + torch.randn(channels))


def statistics(layer):
    """The running statistics of a layer, under the names they have here."""
    names = {"running_mean": "runningMean", "running_var": "runningVariance", "num_batches_tracked": "batchesTracked"}
    cumulative = getattr(layer, "momentum", None) is None
    found = {names[name]: value for name, value in layer.named_buffers()}
    if not cumulative:
        found.pop("batchesTracked", None)
    return {name: value.reshape(-1) + 0.0 for name, value in found.items()}


def replay(name, layer, inputs, evaluated=None, **options):
    """Passes inputs through a layer in training, each with all gradients; then one in evaluation.

    Element i of a batch's output has the gradient ((37 i) mod 64 - 31.5) / 32.
    """
    for parameter, low in [(getattr(layer, "weight", None), 0.5), (getattr(layer, "bias", None), -1)]:
        if parameter is not None:
            parameter.data = rounded(low + torch.rand(parameter.shape))
    options = {option: None if value is None else float(value) for option, value in options.items()}
    result = {"name": name, "options": options, "parameters": {}, "steps": []}
    for parameter_name, parameter in layer.named_parameters():
        result["parameters"][parameter_name] = stored(parameter)
    for values in inputs:
        x = values.clone().requires_grad_()
        layer.zero_grad()
        output = layer(x)
        cotangent = (37 * torch.arange(output.numel()) % 64 - 31.5) / 32
        output.backward(cotangent.reshape(output.shape))
        result["steps"].append(
            {
                "input": stored(values),
                "output": stored(output),
                "inputGradient": stored(x.grad),
                "gradients": {n: stored(p.grad) for n, p in layer.named_parameters()},
                "states": {n: stored(value) for n, value in statistics(layer).items()},
            }
        )
    if evaluated is not None:
        layer.eval()
        result["evaluation"] = {"input": stored(evaluated), "output": stored(layer(evaluated))}
    return result


class Network(nn.Module):
    """Layers by name, run in order. A normalization is named after the layer it stands in front of."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleDict(layers)

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return x


def perceptron(norm):
    """7 inputs, 16 and 12 hidden units, 3 classes; norm(shape of a sample) makes what stands before each ReLU."""
    return Network(
        {
            "linear1": nn.Linear(7, 16), "norm relu1": norm((16,)), "relu1": nn.ReLU(),
            "linear2": nn.Linear(16, 12), "norm relu2": norm((12,)), "relu2": nn.ReLU(),
            "linear3": nn.Linear(12, 3),
        }
    )  # fmt: skip


def convolutional(norm):
    """2 x 8 x 8 inputs, two convolutions with pooling between them, 3 classes."""
    return Network(
        {
            "conv1": nn.Conv2d(2, 4, 3, padding=1), "norm relu1": norm((4, 8, 8)), "relu1": nn.ReLU(),
            "maxPool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(4, 6, 3, padding=1), "norm relu2": norm((6, 4, 4)), "relu2": nn.ReLU(),
            "flatten1": nn.Flatten(), "linear1": nn.Linear(96, 3),
        }
    )  # fmt: skip


def variables(network, technique):
    """All parameters and statistics, under the paths they have here; matrices are [in, out] here."""
    found = {}
    for name, layer in network.layers.items():
        prefix = f"{technique}/{name.split()[1]}." if " " in name else f"{name}."
        for parameter_name, parameter in layer.named_parameters():
            is_matrix = isinstance(layer, nn.Linear) and parameter.ndim == 2
            found[prefix + parameter_name] = parameter.T if is_matrix else parameter
        found.update({prefix + n: value for n, value in statistics(layer).items()} if " " in name else {})
    return {path: stored(value) for path, value in found.items()}


def trajectory(name, technique, network, shape, batch_size):
    """100 steps of SGD (learning rate 0.05, momentum 0.9) on cross-entropy; the last batch is shorter by three.

    The same in 32 bits has to end within 3e-5, so that what is compared is arithmetic and not chaos.
    """
    for parameter in network.parameters():
        parameter.data = rounded(parameter.data)
    inputs = rounded(torch.randn((16,) + shape))
    labels = (inputs.flatten(1) @ torch.randn(int(numpy.prod(shape)), 3)).argmax(1)
    order = torch.randint(0, 16, (100 * batch_size - 3,))
    result = {
        "name": name,
        "inputs": stored(inputs),
        "labels": stored(labels),
        "order": stored(order),
        "batchSize": batch_size,
        "initial": variables(network, technique),
    }
    single = copy.deepcopy(network).to(torch.float32)
    for trained in (network, single):
        optimizer = torch.optim.SGD(trained.parameters(), lr=0.05, momentum=0.9)
        for batch in order.split(batch_size):
            optimizer.zero_grad()
            x = inputs[batch].to(next(trained.parameters()).dtype)
            nn.functional.cross_entropy(trained(x), labels[batch]).backward()
            optimizer.step()
    for parameter, rough in zip(network.parameters(), single.parameters()):
        error = (parameter - rough).abs().max() / parameter.abs().max()
        assert error < 3e-5, f"{technique}, {name}: 32 and 64 bits differ by {error}; choose another seed or network"
    result["final"] = variables(network, technique)
    return result


def write(script, replays, trajectories):
    """Writes the fixtures beside the script that makes them."""
    file = pathlib.Path(script).with_name("reference.json")
    lines = ",\n".join(json.dumps(item) for item in replays)
    more = ",\n".join(json.dumps(item) for item in trajectories)
    file.write_text(f'{{"replays": [\n{lines}\n],\n"trajectories": [\n{more}\n]}}\n')
