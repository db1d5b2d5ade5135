"""A study to all that is said of its layers, in one value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from darse.analysis.effects import SettingEffect, setting_effects
from darse.analysis.importance import Importance, Importances, importances
from darse.analysis.layers import Layer, Layers, layers_of
from darse.analysis.stability import Stability, stability_of
from darse.analysis.studied import Studied
from darse.store.protocol import Store


@dataclass(frozen=True)
class Overview:
    """What a study says of its layers.

    Attributes:
        study: The study.
        layers: Rank, gain and training of each.
        importances: What the rank of each is worth over all trials; None where the plans are too few.
        stability: Whether the order of the gains is to be relied on; None where they were not measured.
        effects: How much each setting mattered.
    """

    study: Studied
    layers: Layers
    importances: Importances | None
    stability: Stability | None
    effects: tuple[SettingEffect, ...]

    def with_worth(self) -> Iterator[tuple[Layer, Importance | None]]:
        """Each layer with what its rank is worth; None where that is not known."""
        # of a study without a result the layers are not the sites of its plans
        worths = self.importances.sites if self.study.result is not None and self.importances is not None else ()
        yield from zip(self.layers.layers, worths or [None] * len(self.layers.layers), strict=True)


def overview_of(study: Studied, store: Store) -> Overview:
    """All that is said of a study's layers.

    Args:
        study: The study.
        store: Where its losses and traces are, open.

    Raises:
        CorruptStoreError: An artifact is missing or changed.
    """
    return Overview(study, layers_of(study), importances(study), stability_of(study, store), setting_effects(study))


def overview_record(found: Overview) -> dict[str, object]:
    """The same as plain JSON values; infinities are None."""
    layers = [
        {
            "name": layer.name,
            "rank": layer.rank,
            "gain": None if layer.gain is None else _interval(layer.gain.loss, layer.gain.low, layer.gain.high),
            "importance": None if worth is None else _interval(worth.worth, worth.low, worth.high),
            "epochs": [asdict(point) for point in layer.points],
        }
        for layer, worth in found.with_worth()
    ]
    summary = None
    if found.importances is not None:
        summary = {name: getattr(found.importances, name) for name in ("trials", "plans", "explained")}
    return {
        "study": found.study.record.id,
        "name": found.study.record.name,
        "run": None if found.layers.run is None else found.layers.run.id,
        "layers": layers,
        "importance": summary,
        "stability": None
        if found.stability is None
        else {**asdict(found.stability), "is_stable": found.stability.is_stable},
        "settings": [
            {
                "name": one.name,
                "best": one.best,
                "spread": one.spread,
                "in_noise": one.in_noise,
                "losses": {f"{value:g}": loss for value, loss in one.losses.items()},
            }
            for one in found.effects
        ],
    }


def site_names(found: Overview) -> Sequence[str]:
    """Names of the sites of plans, by their index."""
    if found.study.result is not None:
        return [site.name for site in found.study.result.sites]
    width = len(found.importances.sites) if found.importances is not None else 0
    return [f"site {place}" for place in range(width)]


def _interval(value: float, low: float, high: float) -> dict[str, float | None]:
    ends = {"value": value, "low": low, "high": high}
    return {name: number if math.isfinite(number) else None for name, number in ends.items()}
