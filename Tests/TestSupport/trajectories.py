"""Training runs in PyTorch 2.15.0 for Ballast to repeat: two small nets, all samples in one batch, 100 steps.

A script of fixtures beside a technique's tests imports this module, and hands `record` a penalty or an optimizer:

    record("l1.json", {"penalty": lambda net: 1e-2 * sum(w.abs().sum() for w in weights(net))})
"""
import json
import torch
from torch import nn


def weights(net):
    """The weights: everything but biases and the parameters of normalizations."""
    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)
    return [m.weight for m in net.modules() if hasattr(m, "weight") and not isinstance(m, norms)]


def mlp():
    return nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)), (5,)


def cnn():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)), (1, 6, 6)


def listed(tensor):
    return {"shape": list(tensor.shape), "scalars": [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]}


def named(net):
    """Parameters under Ballast's paths and in its layouts: a linear layer's weight is [in, out]."""
    result, counts = {}, {}
    for module in net:
        kind = {"Linear": "linear", "Conv2d": "conv"}.get(type(module).__name__)
        if kind is None:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        path = f"{kind}{counts[kind]}"
        result[f"{path}.weight"] = listed(module.weight.T if kind == "linear" else module.weight)
        result[f"{path}.bias"] = listed(module.bias)
    return result


def record(file, cases, steps=100, samples=17):
    """Writes the runs of each case; a case is a dictionary of `penalty(net)`, `optimizer(net)`, `after(net)`."""
    runs = {}
    for name, case in cases.items():
        for model in (mlp, cnn):
            torch.manual_seed(3)
            net, shape = model()
            x = torch.randn(samples, *shape)
            y = torch.randint(0, 3, (samples,))
            start = named(net)
            optimizer = case.get("optimizer", lambda n: torch.optim.SGD(n.parameters(), 0.05, momentum=0.9))(net)
            losses, penalties = [], []
            for _ in range(steps):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(net(x), y)
                penalty = case["penalty"](net) if "penalty" in case else torch.zeros(())
                (loss + penalty).backward()
                optimizer.step()
                if "after" in case:
                    with torch.no_grad():
                        case["after"](net)
                losses.append(loss.item())
                penalties.append(penalty.item())
            runs[f"{name}-{model.__name__}"] = {
                "input": listed(x), "labels": y.tolist(), "start": start, "end": named(net),
                "losses": losses[::10], "penalties": penalties[::10]}
    with open(file, "w") as out:
        json.dump(runs, out, separators=(",", ":"))
