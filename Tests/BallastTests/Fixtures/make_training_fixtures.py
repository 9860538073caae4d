#!/usr/bin/env python3
"""Writes Training/*.safetensors: what PyTorch makes of layers, losses, optimizers and whole trainings.

Run in this folder:  python3 make_training_fixtures.py
Made with torch 2.15.0, numpy 2.4.6 and safetensors 0.8.0.

Tensors are named "case|tensor", without spaces. Data and parameters are rounded to 32 bits; PyTorch computes with 64,
so that the expected values carry no rounding of their own; the script prints how far PyTorch in 32 bits is from them.
Weights of linear layers are stored as [in, out], which is PyTorch's transposed.

    layers-*.safetensors        input, output, inputGradient, and "parameter." + path and "gradient." + path, given the
                                gradient ((37 i) mod 64 - 31.5) / 32 of element i of the output
    layers-masked.safetensors   the same with a mask: 1 where a position may be attended to, 0 where not
    losses.safetensors          output, target, value, gradient
    optimizers.safetensors      parameters of several sizes before and after five steps along given gradients
    images.safetensors          the bytes of the convolutional network's images
    trajectories-*.safetensors  data in the order of its 100 batches, initial parameters, and for each optimizer the
                                loss of every step and the parameters at the end
    initializers.safetensors    the bound or the standard deviation that torch.nn.init and torch.nn draw with
"""

import pathlib
from unittest import mock

import numpy
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

folder = pathlib.Path(__file__).parent / "Training"
folder.mkdir(exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(20240608)
random = numpy.random.default_rng(20240608)


def normal(*shape):
    return numpy.asarray(random.standard_normal(shape), dtype="float32")


def distinct(*shape):
    """Numbers at least 0.1 apart, in random order: no ties, no kinks near by."""
    count = int(numpy.prod(shape))
    return ((random.permutation(count) + 0.5) * 0.1 - count * 0.05).reshape(shape).astype("float32")


def double(array):
    return torch.tensor(array, dtype=torch.int64 if array.dtype.kind == "i" else torch.float64)


def stored(tensor):
    array = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else numpy.asarray(tensor)
    return numpy.array(array, dtype="<i4" if array.dtype.kind == "i" else "<f4", order="C")


def write(name, tensors):
    save_file(tensors, folder / f"{name}.safetensors")
    print(f"{name}: {len(tensors)} tensors, {sum(x.nbytes for x in tensors.values())} bytes")


# ---------------------------------------------------------------- Layers

layers = {}


def layer(case, module, x, parameters={}):
    """Files what a module makes of x; `parameters` maps our paths to (parameter, whether it is stored transposed)."""
    module = module.double() if isinstance(module, nn.Module) else module
    for parameter, _ in parameters.values():
        parameter.data = parameter.data.float().double()
    x_tensor = double(x)
    if x_tensor.is_floating_point():
        x_tensor.requires_grad_()
    y = module(x_tensor)
    cotangent = (37 * torch.arange(y.numel()) % 64 - 31.5) / 32
    y.backward(cotangent.reshape(y.shape).double())
    layers[f"{case}|input"] = stored(x)
    layers[f"{case}|output"] = stored(y)
    if x_tensor.grad is not None:
        layers[f"{case}|inputGradient"] = stored(x_tensor.grad)
    for path, (parameter, transposed) in parameters.items():
        for kind, value in ("parameter", parameter.data), ("gradient", parameter.grad):
            layers[f"{case}|{kind}.{path}"] = stored(value.T if transposed else value)


def linear_parameters(module, prefix=""):
    found = {prefix + "weight": (module.weight, True)}
    if module.bias is not None:
        found[prefix + "bias"] = (module.bias, False)
    return found


def conv(case, outputs, x, **options):
    options = {"kernel_size": 3} | options
    module = nn.Conv2d(x.shape[1], outputs, **options)
    parameters = {"weight": (module.weight, False)}
    if module.bias is not None:
        parameters["bias"] = (module.bias, False)
    layer("conv-" + case, module, x, parameters)


def attention(case, batch, positions, width, heads, causal, ignored=None):
    module = nn.MultiheadAttention(width, heads, batch_first=True).double()
    nn.init.normal_(module.in_proj_bias, std=0.5)
    nn.init.normal_(module.out_proj.bias, std=0.5)
    mask = nn.Transformer.generate_square_subsequent_mask(positions, dtype=torch.float64) if causal else None
    parameters = {
        "inputWeight": (module.in_proj_weight, True),
        "inputBias": (module.in_proj_bias, False),
        "outputWeight": (module.out_proj.weight, True),
        "outputBias": (module.out_proj.bias, False),
    }
    if mask is not None and ignored is not None:
        mask = mask != 0
    forward = lambda x: module(x, x, x, key_padding_mask=ignored, attn_mask=mask, need_weights=False)[0]
    layer("attention-" + case, forward, normal(batch, positions, width), parameters)


def write_layers(name):
    write("layers-" + name, layers)
    layers.clear()


def make_convolutions():
    conv("one", 1, normal(1, 1, 1, 1), kernel_size=1)
    conv("plain", 3, normal(1, 2, 5, 4))
    conv("padded", 5, normal(2, 3, 7, 5), padding=1)
    conv("strided", 4, normal(2, 3, 11, 9), stride=2, padding=1)
    conv("dilated", 3, normal(1, 2, 9, 13), dilation=2, padding=2)
    conv("grouped", 6, normal(3, 4, 6, 7), groups=2, padding=1)
    conv("depthwise", 5, normal(2, 5, 8, 8), groups=5)
    conv("no-bias", 16, normal(1, 17, 5, 5), kernel_size=2, bias=False)
    conv("wide", 5, normal(1, 1, 9, 33))
    conv("pointwise", 7, normal(3, 17, 5, 3), kernel_size=1)
    conv("everything", 6, normal(2, 4, 17, 16), kernel_size=5, stride=3, padding=4, dilation=2, groups=2)

    write_layers("convolution")


def make_pooling():
    layer("maxPool-one", nn.MaxPool2d(1), distinct(1, 1, 1, 1))
    layer("maxPool-odd", nn.MaxPool2d(2), distinct(2, 3, 7, 9))
    layer("maxPool-overlapping", nn.MaxPool2d(3, stride=2, padding=1), distinct(1, 2, 11, 17))
    layer("maxPool-apart", nn.MaxPool2d(2, stride=3), distinct(1, 1, 8, 8))
    layer("averagePool-one", nn.AvgPool2d(1), normal(1, 1, 1, 1))
    layer("averagePool-odd", nn.AvgPool2d(2), normal(2, 3, 7, 9))
    layer("averagePool-overlapping", nn.AvgPool2d(3, stride=2, padding=1), normal(1, 2, 11, 17))
    layer("globalPool-odd", lambda x: x.mean((2, 3)), normal(3, 5, 7, 1))
    layer("globalPool-vectors", lambda x: x.mean((2, 3)), normal(1, 17, 4, 4))
    write_layers("pooling")


def make_activations():
    activations = {
        "relu": nn.ReLU(), "leakyReLU": nn.LeakyReLU(0.01), "leakyReLU-steep": nn.LeakyReLU(0.3), "elu": nn.ELU(),
        "elu-half": nn.ELU(0.5), "gelu": nn.GELU(), "gelu-approximate": nn.GELU("tanh"), "silu": nn.SiLU(),
        "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "softplus": nn.Softplus(), "softmax": nn.Softmax(-1),
    }  # fmt: skip
    far = numpy.asarray([[-100, -20, -5, -1e-3, 1e-3, 5, 20, 100]], dtype="float32")
    for name, module in activations.items():
        layer(name + "+one", module, normal(1, 1))
        layer(name + "+odd", module, normal(3, 17) * 3)
        layer(name + "+images", module, normal(2, 3, 5, 2) * 3)
        layer(name + "+far", module, far)
    write_layers("activations")


def make_dense_layers():
    for case, outputs, x, bias in [
        ("one", 1, normal(1, 1), True),
        ("primes", 3, normal(5, 7), True),
        ("vectors", 31, normal(16, 17), True),
        ("beyond-vectors", 15, normal(33, 16), True),
        ("sequence", 4, normal(2, 3, 5), True),
        ("no-bias", 17, normal(4, 13), False),
        ("batch-of-one", 32, normal(1, 15), True),
    ]:
        module = nn.Linear(x.shape[-1], outputs, bias=bias)
        layer("linear-" + case, module, x, linear_parameters(module))

    layer("flatten-samples", nn.Flatten(), normal(2, 3, 4, 5))
    layer("flatten-from-two", nn.Flatten(2), normal(2, 3, 4, 5))

    for case, vocabulary, width, tokens in [
        ("repeated", 11, 7, random.integers(0, 11, (3, 5))),
        ("one", 3, 17, numpy.asarray([2])),
    ]:
        module = nn.Embedding(vocabulary, width)
        layer("embedding-" + case, module, tokens, {"weight": (module.weight, False)})
    positions = nn.Parameter(torch.randn(7, 3))
    layer("positions-fewer", lambda x: x + positions[:5], normal(2, 5, 3), {"weight": (positions, False)})

    first, second = nn.Linear(17, 8).double(), nn.Linear(8, 17).double()
    layer(
        "residual-linear", lambda x: x + second(F.relu(first(x))), normal(3, 17),
        linear_parameters(first, "linear1.") | linear_parameters(second, "linear2."),
    )  # fmt: skip

    for causal in False, True:
        suffix = "-causal" if causal else ""
        attention("one" + suffix, 1, 1, 4, 1, causal)
        attention("odd" + suffix, 2, 5, 12, 3, causal)
        attention("vectors" + suffix, 1, 17, 16, 4, causal)
    write_layers("dense")


# ---------------------------------------------------------------- Losses


def make_losses():
    tensors = {}

    def loss(case, function, output, target):
        output_tensor = double(output).requires_grad_()
        value = function(output_tensor, double(target))
        value.backward()
        tensors[f"{case}|output"] = stored(output)
        tensors[f"{case}|target"] = stored(target)
        tensors[f"{case}|value"] = stored(value)
        tensors[f"{case}|gradient"] = stored(output_tensor.grad)

    def over_last(output, target):
        """Cross-entropy with the classes in the last dimension, as Ballast has them."""
        if target.is_floating_point():
            target = target.flatten(0, -2)
        else:
            target = target.flatten()
        return F.cross_entropy(output.flatten(0, -2), target)

    shapes = {"one": (1, 1), "odd": (5, 7), "vectors": (16, 17), "images": (2, 3, 5)}
    for case, shape in shapes.items():
        loss("meanSquared-" + case, F.mse_loss, normal(*shape), normal(*shape))
        loss("halfSquared-" + case, lambda y, t: 0.5 * F.mse_loss(y, t), normal(*shape), normal(*shape))
        loss("meanAbsolute-" + case, F.l1_loss, normal(*shape), normal(*shape))
        loss("huber-" + case, F.huber_loss, normal(*shape) * 2, normal(*shape))
        loss("huberQuarter-" + case, lambda y, t: F.huber_loss(y, t, delta=0.25), normal(*shape), normal(*shape))
        loss("binary-" + case, F.binary_cross_entropy_with_logits, normal(*shape) * 3, random.random(shape, "float32"))
        labels = random.integers(0, shape[-1], shape[:-1])
        loss("crossEntropyLabels-" + case, over_last, normal(*shape) * 3, labels)
        probabilities = random.dirichlet(numpy.ones(shape[-1]), shape[:-1]).astype("float32")
        loss("crossEntropyProbabilities-" + case, over_last, normal(*shape) * 3, probabilities)
    far = numpy.asarray([[100, -100, 30, -30, 0, 1]], dtype="float32")
    sure = numpy.asarray([[0, 1, 1, 0, 1, 0]], dtype="float32")
    loss("binary-far", F.binary_cross_entropy_with_logits, far, sure)
    loss("crossEntropyLabels-far", over_last, far, numpy.asarray([1]))
    loss("crossEntropyProbabilities-far", over_last, far, sure / 3)
    write("losses", tensors)


# ---------------------------------------------------------------- Optimizers


def groups(weights, others, decay, everywhere):
    """Parameter groups: the decay acts on the weights, or everywhere."""
    return [
        {"params": weights, "weight_decay": decay},
        {"params": others, "weight_decay": decay if everywhere else 0.0},
    ]


# Name: (class, options, decay, whether it acts on biases too). The table of the same name in Swift has the same values.
optimizers = {
    "sgd": (torch.optim.SGD, {"lr": 0.05}, 0, False),
    "sgd-l2": (torch.optim.SGD, {"lr": 0.05}, 0.02, False),
    "momentum-l2": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}, 0.01, False),
    "momentum-l2-all": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}, 0.01, True),
    "nesterov": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.9, "nesterov": True}, 0, False),
    "nesterov-l2": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.8, "nesterov": True}, 0.01, False),
    "adam": (torch.optim.Adam, {"lr": 0.01}, 0, False),
    "adam-betas": (torch.optim.Adam, {"lr": 0.005, "betas": (0.8, 0.95), "eps": 1e-4}, 0, False),
    "adam-l2": (torch.optim.Adam, {"lr": 0.01}, 0.05, False),
    "adamw": (torch.optim.AdamW, {"lr": 0.01}, 0.5, False),
    "adamw-all": (torch.optim.AdamW, {"lr": 0.01}, 0.5, True),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.005}, 0, False),
    "rmsprop-momentum": (torch.optim.RMSprop, {"lr": 0.001, "momentum": 0.9, "alpha": 0.95}, 0, False),
    "rmsprop-l2": (torch.optim.RMSprop, {"lr": 0.005}, 0.05, False),
}


def make_optimizers():
    """Five steps of parameters of several sizes, along gradients of which some are zero and some are large."""
    sizes, tensors = [1, 7, 16, 17, 1000], {}
    initial = [normal(size) for size in sizes]
    steps = [[normal(size) * 10.0 ** random.integers(-3, 3) for size in sizes] for _ in range(5)]
    for step in steps:
        for gradient in step:
            gradient[random.random(gradient.shape) < 0.1] = 0
    tensors["initial"] = stored(numpy.concatenate(initial))
    tensors["gradients"] = stored(numpy.stack([numpy.concatenate(step) for step in steps]))
    for name in "sgd", "momentum-l2-all", "nesterov", "adam", "adam-betas", "adamw-all", "rmsprop", "rmsprop-momentum":
        optimizer_class, options, decay, everywhere = optimizers[name]
        parameters = [nn.Parameter(double(x)) for x in initial]
        optimizer = optimizer_class(groups(parameters, [nn.Parameter(torch.zeros(1))], decay, everywhere), **options)
        for step in steps:
            for parameter, gradient in zip(parameters, step):
                parameter.grad = double(stored(gradient))
            optimizer.step()
        tensors[name] = stored(torch.cat([x.data for x in parameters]))
    write("optimizers", tensors)


# ---------------------------------------------------------------- Trajectories


def train(make_model, state, inputs, labels, batch_size, name, precision):
    """100 steps through the data in its order; returns the losses and the parameters at the end."""
    model = make_model().to(precision)
    model.load_state_dict(state)
    optimizer_class, options, decay, everywhere = optimizers[name]
    weights = [x for path, x in model.named_parameters() if path.endswith("weight")]
    biases = [x for path, x in model.named_parameters() if path.endswith("bias")]
    optimizer = optimizer_class(groups(weights, biases, decay, everywhere), **options)
    losses = []
    for start in range(0, len(inputs), batch_size):
        optimizer.zero_grad()
        batch = slice(start, start + batch_size)
        loss = F.cross_entropy(model(inputs[batch].to(precision)), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert len(losses) == 100
    return losses, {path: x.detach() for path, x in model.named_parameters()}


def make_trajectories(kind, make_model, paths, inputs, labels, scaled, batch_size):
    """`paths` maps PyTorch's names of layers to ours, `scaled` makes the model's input of what is stored."""
    state = {name: value.float() for name, value in make_model().state_dict().items()}
    labels = torch.tensor(labels)

    def named(parameters):
        for name, value in parameters.items():
            module, attribute = name.rsplit(".", 1)
            value = value.T if value.dim() == 2 else value
            yield f"{paths[module]}.{attribute}", stored(value)

    tensors = {"labels": stored(labels)}
    if inputs.dtype == numpy.uint8:
        write("images", {"images": inputs})
    else:
        tensors["inputs"] = inputs
    tensors |= {f"initial|{path}": value for path, value in named(state)}
    for name in optimizers:
        inputs_tensor = torch.tensor(scaled(inputs))
        losses, final = train(make_model, state, inputs_tensor, labels, batch_size, name, torch.float64)
        single_losses, single = train(make_model, state, inputs_tensor, labels, batch_size, name, torch.float32)
        tensors[f"{name}|losses"] = stored(numpy.asarray(losses))
        tensors |= {f"{name}|{path}": value for path, value in named(final)}
        away = max(((single[key] - value).abs().max() / value.abs().max()).item() for key, value in final.items())
        print(f"  {kind} {name}: loss {losses[0]:.3f} -> {numpy.mean(losses[-10:]):.3f}, 32 bits differ by {away:.1e}")
    write("trajectories-" + kind, tensors)


def make_perceptron_trajectories():
    def perceptron():
        return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))

    paths = {"0": "linear1", "2": "linear2", "4": "linear3"}
    inputs = normal(99 * 8 + 3, 8)
    labels = (inputs @ normal(8, 3)).argmax(1)
    make_trajectories("perceptron", perceptron, paths, inputs, labels, lambda x: x, 8)


def make_convolutional_trajectories():
    """Images are bytes, a pattern for each label with noise, and become byte / 128 - 1; the last batch holds one."""

    def network():
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3))

    paths = {"0": "conv1", "4": "linear1"}
    labels = random.integers(0, 3, 99 * 5 + 1)
    images = 128 + 40 * normal(3, 1, 8, 8)[labels] + 50 * normal(len(labels), 1, 8, 8)
    images = images.clip(0, 255).astype("uint8")
    make_trajectories("convolutional", network, paths, images, labels, lambda x: x.astype("float32") / 128 - 1, 5)


# ---------------------------------------------------------------- Initializers


def make_initializers():
    """Listens to what PyTorch hands to its generators."""
    tensors, drawn = {}, []

    def uniform(self, low=0.0, high=1.0, **_):
        assert low == -high
        drawn.append(high)
        return self

    def gaussian(self, mean=0.0, std=1.0, **_):
        assert mean == 0
        drawn.append(std)
        return self

    def listen(name, function):
        drawn.clear()
        with mock.patch.object(torch.Tensor, "uniform_", uniform), mock.patch.object(torch.Tensor, "normal_", gaussian):
            function()
        tensors[name] = stored(numpy.asarray(drawn))

    # Ours and PyTorch's shape of the same weight.
    shapes = {"matrix": (17, 33), "convolution": (12, 5, 3, 7)}
    for case, shape in shapes.items():
        weight = torch.empty(shape)
        listen(f"xavierUniform|{case}", lambda: nn.init.xavier_uniform_(weight))
        listen(f"xavierUniformTanh|{case}", lambda: nn.init.xavier_uniform_(weight, nn.init.calculate_gain("tanh")))
        listen(f"xavierNormal|{case}", lambda: nn.init.xavier_normal_(weight))
        listen(f"heUniform|{case}", lambda: nn.init.kaiming_uniform_(weight, nonlinearity="relu"))
        listen(f"heNormal|{case}", lambda: nn.init.kaiming_normal_(weight, nonlinearity="relu"))
        listen(f"lecunUniform|{case}", lambda: nn.init.kaiming_uniform_(weight, nonlinearity="linear"))
        listen(f"lecunNormal|{case}", lambda: nn.init.kaiming_normal_(weight, nonlinearity="linear"))
    # A layer draws its weight, then its bias.
    listen("layers|linear", lambda: nn.Linear(33, 17))
    listen("layers|conv", lambda: nn.Conv2d(10, 12, 3, groups=2))
    listen("layers|embedding", lambda: nn.Embedding(7, 3))
    write("initializers", tensors)


def make_uneven_layers():
    """Layers that differ vertically and horizontally, and layers of sequences."""
    conv("uneven", 4, normal(2, 3, 7, 13), kernel_size=(2, 5))
    conv("uneven-everything", 6, normal(2, 4, 11, 17), kernel_size=(5, 2), stride=(1, 3), padding=(4, 1),
         dilation=(2, 1), groups=2)  # fmt: skip

    def sequence(case, outputs, x, kernel, **options):
        module = nn.Conv1d(x.shape[1], outputs, kernel, **options)
        parameters = {"weight": (module.weight, False)}
        if module.bias is not None:
            parameters["bias"] = (module.bias, False)
        layer("conv1d-" + case, module, x, parameters)

    sequence("one", 1, normal(1, 1, 1), 1)
    sequence("plain", 5, normal(2, 3, 17), 4)
    sequence("no-bias", 3, normal(2, 2, 9), 3, bias=False)
    sequence("everything", 6, normal(2, 4, 18), 5, stride=3, padding=4, dilation=2, groups=2)
    layer("maxPool-uneven", nn.MaxPool2d((2, 3)), distinct(2, 3, 7, 10))
    layer("maxPool-uneven-overlapping", nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)), distinct(1, 2, 11, 9))
    layer("maxPool1d-plain", nn.MaxPool1d(2), distinct(2, 3, 9))
    layer("maxPool1d-overlapping", nn.MaxPool1d(3, stride=2, padding=1), distinct(1, 2, 17))
    layer("averagePool-uneven", nn.AvgPool2d((2, 3)), normal(2, 3, 7, 10))
    layer("averagePool-uneven-overlapping", nn.AvgPool2d((3, 2), stride=(2, 1), padding=(1, 0)), normal(1, 2, 11, 9))
    write_layers("uneven")


def make_masked_attention():
    """Attention where some positions are padding: a mask of 1 and 0 beside the input."""
    for case, batch, positions, width, heads in [("odd", 2, 5, 12, 3), ("vectors", 3, 17, 16, 4)]:
        for causal in False, True:
            mask = (random.random((batch, positions)) < 0.6).astype("float32")
            mask[:, 0] = 1
            name = "attention-" + case + ("-causal" if causal else "")
            attention(case + ("-causal" if causal else ""), batch, positions, width, heads, causal, torch.tensor(mask == 0))
            layers[f"{name}|mask"] = mask
    write_layers("masked")


make_dense_layers()
make_convolutions()
make_pooling()
make_activations()
make_losses()
make_optimizers()
make_perceptron_trajectories()
make_convolutional_trajectories()
make_initializers()
make_uneven_layers()
make_masked_attention()
