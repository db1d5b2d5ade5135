"""A study to its layers: the rank of each, what it gains, and what it did while it was trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from darse.analysis.studied import Studied
from darse.model.audit import place_in_model
from darse.ranks.plan import Site
from darse.search.result import Result
from darse.search.sensitivity import SiteLoss
from darse.store.trial import Trial
from darse.train.trace import Trace, TracePoint

OUTSIDE = "outside of the layers"


@dataclass(frozen=True, slots=True)
class LayerPoint:
    """A layer after one epoch of a run.

    Attributes:
        epoch: Epochs finished.
        gradient: Norm of its pairs' gradients, each the mean over the epoch's steps, after clipping.
        update: Frobenius norm of the updates of all its pairs.
        effective_rank: Directions of an update, the mean over its pairs.
    """

    epoch: int
    gradient: float
    update: float
    effective_rank: float


@dataclass(frozen=True, slots=True)
class Layer:
    """A site of a study, or a layer of a run that was trained elsewhere.

    Attributes:
        name: What people call it.
        rank: The rank of the found plan, or the highest of the run's pairs in it.
        gain: Loss added by leaving it alone out, with its interval over the validation rows; None where that was not
            measured.
        points: What it did in the run, epoch by epoch; empty without a pair, or where no trace is kept.
    """

    name: str
    rank: int
    gain: SiteLoss | None
    points: tuple[LayerPoint, ...]

    @property
    def last(self) -> LayerPoint | None:
        """What it did in the last epoch."""
        return self.points[-1] if self.points else None


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers of a study, from input to output.

    Attributes:
        run: The run that was traced; None where no trace is kept.
        layers: The layers.
    """

    run: Trial | None
    layers: tuple[Layer, ...]


def layers_of(study: Studied) -> Layers:
    """The layers of a study's found plan, or of the run that somebody else's `Trainer` made."""
    run, trace = _traced(study)
    if study.result is None:
        return Layers(run, _by_name(trace) if trace is not None else ())
    result = study.result
    gains = {one.site: one for one in left_out(result)}
    points = _points(trace, result.sites)
    sites = zip(result.sites, result.plan, strict=True)
    return Layers(
        run, tuple(Layer(site.name, rank, gains.get(at), points.get(at, ())) for at, (site, rank) in enumerate(sites))
    )


def left_out(result: Result) -> list[SiteLoss]:
    """What leaving out each site alone adds to the loss; sites that were not measured are left out."""
    allocation = result.findings.allocate
    if allocation is None or allocation.sensitivity is None:
        return []
    return [one for one in allocation.sensitivity.losses if one.rank == 0 and math.isfinite(one.loss)]


def points_by_layer(trace: Trace) -> dict[str, tuple[LayerPoint, ...]]:
    """A trace by layer of the model, whatever a study's sites are."""
    return {layer: _summed(trace, places) for layer, places in _places_by_layer(trace).items()}


def _traced(study: Studied) -> tuple[Trial | None, Trace | None]:
    """The best run of the found plan that has a trace, or of all runs without a result."""
    plan = None if study.result is None else study.result.plan
    runs = [trial for trial in study.runs if plan in {None, trial.spec.plan}]
    for run in sorted(runs, key=lambda one: (-one.spec.epochs, one.outcome.score)):
        if (trace := study.trace(run)) is not None:
            return run, trace
    return None, study.kept_trace if plan is None else None


def _points(trace: Trace | None, sites: Sequence[Site]) -> dict[int, tuple[LayerPoint, ...]]:
    if trace is None:
        return {}
    at = {weight.name: place for place, site in enumerate(sites) for weight in site.weights}
    places: dict[int, list[int]] = {}
    for place, name in enumerate(trace.modules):
        if name in at:
            places.setdefault(at[name], []).append(place)
    return {site: _summed(trace, own) for site, own in places.items()}


def _by_name(trace: Trace) -> tuple[Layer, ...]:
    return tuple(
        Layer(name, max(trace.ranks[place] for place in places), None, _summed(trace, places))
        for name, places in _places_by_layer(trace).items()
    )


def _places_by_layer(trace: Trace) -> Mapping[str, list[int]]:
    found: dict[int | None, list[int]] = {}
    for place, name in enumerate(trace.modules):
        found.setdefault(place_in_model(name)[0], []).append(place)
    order = sorted(found, key=lambda layer: (layer is None, layer or 0))
    return {OUTSIDE if layer is None else f"layer {layer}": found[layer] for layer in order}


def _summed(trace: Trace, places: Sequence[int]) -> tuple[LayerPoint, ...]:
    return tuple(_point(point, places) for point in trace.points)


def _point(point: TracePoint, places: Sequence[int]) -> LayerPoint:
    return LayerPoint(
        point.epoch,
        math.hypot(*_picked(point.gradient, places)),
        math.hypot(*_picked(point.update, places)),
        math.fsum(_picked(point.effective_rank, places)) / len(places),
    )


def _picked(values: Sequence[float], places: Iterable[int]) -> list[float]:
    return [values[place] for place in places]
