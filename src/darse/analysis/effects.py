"""A study to how much each setting moved the loss: learning rate, rank everywhere and epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from darse.analysis.studied import Studied
from darse.search.history import is_run
from darse.search.result import Result


@dataclass(frozen=True, slots=True)
class SettingEffect:
    """A setting that a study varied.

    Attributes:
        name: `learning rate`, `uniform rank` or `epochs`.
        losses: Search loss on validation by value, finite ones only; at least two.
        noise_floor: What the seed alone moves the loss by; None where it is not known.
    """

    name: str
    losses: Mapping[float, float]
    noise_floor: float | None

    @property
    def best(self) -> float:
        """The value with the lowest loss."""
        return min(self.losses, key=lambda value: (self.losses[value], value))

    @property
    def spread(self) -> float:
        """The highest loss less the lowest."""
        return max(self.losses.values()) - min(self.losses.values())

    @property
    def in_noise(self) -> float | None:
        """The spread in noise floors; below 1 the setting did not matter."""
        return self.spread / self.noise_floor if self.noise_floor else None


def setting_effects(study: Studied) -> tuple[SettingEffect, ...]:
    """The settings that a study varied, what moved the loss most first."""
    if study.result is None:
        return ()
    result = study.result
    tables: dict[str, Mapping[int, float] | Mapping[float, float]] = {
        "learning rate": {} if result.findings.calibrate is None else result.findings.calibrate.tried,
        "uniform rank": {} if result.findings.fine is None else result.findings.fine.curve,
        "epochs": _by_epochs(result),
    }
    found = []
    for name, table in tables.items():
        losses = {float(value): loss for value, loss in sorted(table.items()) if math.isfinite(loss)}
        if len(losses) > 1:
            found.append(SettingEffect(name, losses, study.noise_floor))
    return tuple(sorted(found, key=lambda one: -one.spread))


def _by_epochs(result: Result) -> dict[int, float]:
    """Best loss that full runs had reached after each epoch, the mean over those that got that far or stopped early."""
    epochs = result.settings.train.epochs
    curves = [
        [point.score for point in trial.outcome.curve]
        for trial in result.trials
        if is_run(trial.spec) and trial.spec.epochs == epochs and trial.outcome.curve
    ]
    length = max(map(len, curves), default=0)
    return {epoch: sum(min(curve[:epoch]) for curve in curves) / len(curves) for epoch in range(1, length + 1)}
