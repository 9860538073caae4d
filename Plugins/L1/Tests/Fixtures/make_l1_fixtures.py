"""Writes the fixtures of L1Tests: PyTorch 2.15.0 by hand, scikit-learn 1.9.1 at the optimum, NumPy 2.4.6.

    python3 make_l1_fixtures.py
"""
import json, pathlib, sys
import numpy as np
from sklearn.linear_model import Lasso

here = pathlib.Path(__file__).parent
sys.path.append(str(here.parents[3] / "Tests/TestSupport"))
from trajectories import record, weights

record(here / "trajectories.json", {"l1": {"penalty": lambda net: 1e-2 * sum(w.abs().sum() for w in weights(net))}})

r = np.random.default_rng(1)
x = r.normal(size=(40, 6)).round(4)
y = (x @ [1.5, 0, -2, 0, 0.3, 0] + 0.7 + r.normal(0, 0.1, 40)).round(4)
fit = Lasso(alpha=0.2, tol=1e-12, max_iter=100000).fit(x, y)
json.dump({"inputs": x.tolist(), "targets": y.tolist(), "strength": 0.2, "coefficients": fit.coef_.tolist(),
           "intercept": fit.intercept_}, open(here / "optimum.json", "w"))
