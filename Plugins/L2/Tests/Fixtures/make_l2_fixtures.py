"""Writes the fixtures of L2Tests: PyTorch 2.15.0 (`weight_decay` of SGD and Adam), scikit-learn 1.9.1, NumPy 2.4.6.

    python3 make_l2_fixtures.py
"""
import json, pathlib, sys
import numpy as np
import torch
from sklearn.linear_model import Ridge

here = pathlib.Path(__file__).parent
sys.path.append(str(here.parents[3] / "Tests/TestSupport"))
from trajectories import record, weights


def groups(net, decay):
    ids = {id(w) for w in weights(net)}
    return [{"params": weights(net), "weight_decay": decay},
            {"params": [p for p in net.parameters() if id(p) not in ids], "weight_decay": 0}]


record(here / "trajectories.json", {
    "sgd": {"optimizer": lambda n: torch.optim.SGD(groups(n, 0.02), 0.05, momentum=0.9)},
    "sgd-all": {"optimizer": lambda n: torch.optim.SGD(n.parameters(), 0.05, momentum=0.9, weight_decay=0.02)},
    "adam": {"optimizer": lambda n: torch.optim.Adam(groups(n, 0.02), 0.01)},
    "penalty": {"penalty": lambda n: 0.01 * sum((w ** 2).sum() for w in weights(n))},
})

r = np.random.default_rng(1)
x = r.normal(size=(40, 6)).round(4)
y = (x @ [1.5, 0, -2, 0, 0.3, 0] + 0.7 + r.normal(0, 0.1, 40)).round(4)
fit = Ridge(alpha=0.5 * 40, solver="cholesky").fit(x, y)
json.dump({"inputs": x.tolist(), "targets": y.tolist(), "strength": 0.5, "coefficients": fit.coef_.tolist(),
           "intercept": fit.intercept_}, open(here / "optimum.json", "w"))
