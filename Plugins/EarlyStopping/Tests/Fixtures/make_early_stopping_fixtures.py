"""Writes what Keras 3.15.1 (PyTorch backend) and Lightning 2.6.6 decide on series of monitored values.

    KERAS_BACKEND=torch python3 make_early_stopping_fixtures.py
"""
import json, math, pathlib
import keras
import torch
from lightning.pytorch.callbacks import EarlyStopping as LightningRule

nan = math.nan
SERIES = [
    [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
    [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1],
    [1.0, 0.5, 0.6, 0.4, 0.7, 0.8, 0.9, 0.3, 0.2],
    [1.0, nan, nan, 0.9, nan, 0.8, nan, nan, nan],
    [nan, nan, nan, nan],
    [nan, 1.0, 0.9, 1.1, 1.2, 1.3],
    [3.0, 2.95, 2.9, 2.85, 2.8, 2.75, 2.7, 2.65],
    [0.3, 0.2, 0.25, 0.15, 0.3, 0.35, 0.1, 0.5, 0.6, 0.7, 0.8],
    [2.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25],
    [math.inf, 5.0, 4.0, math.inf, 6.0, 7.0],
]


class Model:
    """What Keras' callback needs of a model: weights to take and to set, and a flag to stop."""
    def __init__(self):
        self.stop_training, self.weights = False, None

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.restored = weights


def by_keras(series, patience, delta, mode, warm_up):
    rule = keras.callbacks.EarlyStopping(
        monitor="x", patience=patience, min_delta=delta, mode=mode, start_from_epoch=warm_up, restore_best_weights=True)
    model = Model()
    rule.set_model(model)
    rule.on_train_begin()
    for epoch, value in enumerate(series):
        model.weights = epoch
        rule.on_epoch_end(epoch, {"x": value})
        if model.stop_training:
            return {"best": rule.best_epoch, "stop": epoch}
    return {"best": rule.best_epoch, "stop": -1}


def by_lightning(series, patience, delta, mode):
    rule = LightningRule(monitor="x", patience=patience, min_delta=delta, mode=mode, check_finite=False)
    best, stop = -1, -1
    for epoch, value in enumerate(series):
        before = rule.best_score.clone()
        halt, _ = rule._evaluate_stopping_criteria(torch.tensor(value, dtype=torch.float64))
        if not torch.equal(before, rule.best_score):
            best = epoch
        if halt:
            stop = epoch
            break
    return {"best": best, "stop": stop}


cases = []
for series in SERIES:
    for patience in (1, 2, 3):
        for delta in (0.0, 0.07):
            for mode in ("min", "max"):
                for warm_up in (0, 2):
                    # Keras takes the first value for the best even if it is not finite, and compares all others with
                    # it in vain: there, Lightning alone is followed. It has no warm-up.
                    says = by_lightning(series, patience, delta, mode) if warm_up == 0 else None
                    if math.isfinite(series[warm_up]):
                        keras_says = by_keras(series, patience, delta, mode, warm_up)
                        assert says in (None, keras_says), (series, patience, delta, mode, says, keras_says)
                        says = keras_says
                    if says is None:
                        continue
                    cases.append({"series": [str(v) for v in series], "patience": patience, "minDelta": delta,
                                  "mode": mode, "warmUp": warm_up, **says})
json.dump(cases, open(pathlib.Path(__file__).parent / "decisions.json", "w"), separators=(",", ":"))
