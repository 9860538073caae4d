"""Writes Schedules/factors.json: the learning rates that PyTorch's schedules give to 24 steps, 4 to an epoch.

Made with torch 2.15.0. Run: python make_schedule_fixtures.py
"""

import json
import pathlib

import torch
from torch.optim import lr_scheduler

STEPS, PER_EPOCH = 24, 4


def factors(make, per_epoch=False):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    rates = []
    for step in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < STEPS and (not per_epoch or (step + 1) % PER_EPOCH == 0):
            schedule.step()
    return rates


def warm_up(optimizer, steps, then):
    first = lr_scheduler.LinearLR(optimizer, start_factor=1 / steps, total_iters=steps - 1)
    return lr_scheduler.SequentialLR(optimizer, [first, then], milestones=[steps])


schedules = {
    "constant": factors(lambda o: lr_scheduler.LambdaLR(o, lambda step: 1)),
    "step": factors(lambda o: lr_scheduler.StepLR(o, 2, gamma=0.3), per_epoch=True),
    "cosine": factors(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS)),
    "cosine to 0.1": factors(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.1)),
    "warm-up": factors(lambda o: warm_up(o, 5, lr_scheduler.ConstantLR(o, factor=1, total_iters=0))),
    "warm-up, cosine": factors(lambda o: warm_up(o, 5, lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 5))),
    "one cycle": factors(lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=STEPS)),
    "one cycle, long rise": factors(
        lambda o: lr_scheduler.OneCycleLR(
            o, max_lr=1.0, total_steps=STEPS, pct_start=0.6, div_factor=10, final_div_factor=100
        )
    ),
}

folder = pathlib.Path(__file__).parent / "Schedules"
folder.mkdir(exist_ok=True)
(folder / "factors.json").write_text(json.dumps(schedules, indent=1) + "\n")
