"""Writes the fixtures of DecoupledDecayTests: PyTorch 2.15.0 (`AdamW`, and SGD with the decay by hand).

    python3 make_decoupled_decay_fixtures.py
"""
import pathlib, sys
import torch

here = pathlib.Path(__file__).parent
sys.path.append(str(here.parents[3] / "Tests/TestSupport"))
from trajectories import record, weights


def groups(net, decay):
    ids = {id(w) for w in weights(net)}
    return [{"params": weights(net), "weight_decay": decay},
            {"params": [p for p in net.parameters() if id(p) not in ids], "weight_decay": 0}]


record(here / "trajectories.json", {
    "adamw": {"optimizer": lambda n: torch.optim.AdamW(groups(n, 0.5), 0.01)},
    "adamw-all": {"optimizer": lambda n: torch.optim.AdamW(n.parameters(), 0.01, weight_decay=0.5)},
})
