#!/usr/bin/env python3
"""Writes distributions.json: the distribution functions of gamma and beta distributions, as scipy has them.

Needs Python 3, scipy 1.17.1 and numpy 2.4.6. Run it in this folder:

    python3 make_distribution_fixtures.py

Each entry has the parameters (one: gamma with the scale 1, two: beta), mean and variance, and points: a number rounded to
32 bits, and the probability of a draw that is not greater. Points are left out where 32 bits cannot tell neighbouring
draws: below 1e-30 and, for beta distributions, within 1e-4 of 1.
"""

import json

import numpy
from scipy import stats

entries = []
cases = [(0.01,), (0.1,), (0.5,), (0.9,), (1,), (1.1,), (2.5,), (30,), (1000,)]
cases += [(0.01, 0.01), (0.2, 0.2), (0.5, 0.5), (1, 1), (0.3, 2), (2, 0.3), (1, 3), (2, 2), (0.05, 0.1), (40, 10)]
# The margins of Dirichlet distributions.
cases += [(0.2, 0.4), (1, 2), (1, 5), (2, 4), (3, 3)]
for parameters in cases:
    parameters = [float(numpy.float32(x)) for x in parameters]
    distribution = stats.gamma(*parameters) if len(parameters) == 1 else stats.beta(*parameters)
    points = numpy.float32(distribution.ppf(numpy.arange(1, 32) / 32))
    far = points > (1 - 1e-4 if len(parameters) == 2 else numpy.inf)
    points = numpy.unique(points[(points > 1e-30) & ~far])
    entries.append(
        {
            "parameters": parameters,
            "mean": distribution.mean(),
            "variance": distribution.var(),
            "points": [[float(x), distribution.cdf(float(x))] for x in points],
        }
    )

with open("distributions.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
print(len(entries), "distributions,", sum(len(entry["points"]) for entry in entries), "points")
