"""Records the learning rates of PyTorch's ReduceLROnPlateau on series of numbers.

Run: python make_plateau_fixtures.py > rates.json    (torch 2.15.0)
"""
import itertools
import json
import random

import torch

random.seed(7)
series = [
    [5, 4, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3],
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    [float("nan"), 3, float("nan"), 2, float("nan"), float("nan"), float("nan"), 1, 1, 1, 1, 1],
] + [[round(random.random(), 3) for _ in range(12)] for _ in range(3)]
cases = []
for values, mode, patience, cooldown, threshold, minimum in itertools.product(
    series, ["min", "max"], [0, 2], [0, 2], [1e-4, 0.1], [0.0, 0.02]
):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode, factor=0.3, patience=patience, threshold=threshold, cooldown=cooldown, min_lr=minimum, eps=0
    )
    rates = []
    for value in values:
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(value)
    cases.append(
        {"series": [str(v) for v in values], "mode": mode, "patience": patience, "cooldown": cooldown,
         "threshold": threshold, "minimum": minimum, "rates": rates}
    )
print(json.dumps(cases, separators=(",", ":")))
