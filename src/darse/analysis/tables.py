"""A study to tables of plain cells: everything that is known of it, for other programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from darse.analysis.history import StudyLine
from darse.analysis.overview import Overview
from darse.data.carry import as_value
from darse.data.kinds import Record

_STUDY = ("study", "name")


@dataclass(frozen=True)
class DumpTable:
    """Rows under columns.

    Attributes:
        name: Of the file, without its suffix.
        columns: In their order.
        rows: Made as they are written.
    """

    name: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Record]]


def dump_tables(lines: Iterable[StudyLine], overviews: Iterable[Overview]) -> tuple[DumpTable, ...]:
    """All tables of some studies.

    `studies` has a row for each study, `settings` one for each of its settings, `trials` one for each trial, `epochs`
    one for each epoch of a run, `modules` one for each adapted module and epoch of a run, `layers` one for each layer
    of the found plan, `sensitivity` one for each site and rank that was cut alone, `controls` one for each plan that
    was compared with, `events` one for each thing that happened.

    Args:
        lines: One for each study.
        overviews: The same studies, while their store is open.
    """
    kept, found = tuple(lines), tuple(overviews)
    metrics = sorted({name for one in found for trial in one.study.trials for name in trial.outcome.metrics})
    results = sorted({name for line in kept for name in line.metrics})
    tables: dict[str, tuple[tuple[str, ...], Callable[[], Iterator[Record]]]] = {
        "studies": (_columns_of_studies(results), lambda: map(_study_row, kept)),
        "settings": ((*_STUDY, "setting", "value"), lambda: _rows(found, _settings)),
        "trials": ((*_STUDY, *_TRIAL, *(f"metric {name}" for name in metrics)), lambda: _rows(found, _trials)),
        "epochs": ((*_STUDY, "trial", "epoch", "train_loss", "score"), lambda: _rows(found, _epochs)),
        "modules": ((*_STUDY, *_MODULE), lambda: _rows(found, _modules)),
        "layers": ((*_STUDY, *_LAYER), lambda: _rows(found, _layers)),
        "sensitivity": ((*_STUDY, "site", "rank", "loss_added", "low", "high"), lambda: _rows(found, _sensitivity)),
        "controls": ((*_STUDY, *_CONTROL), lambda: _rows(found, _controls)),
        "events": ((*_STUDY, "time", "kind", "detail"), lambda: _rows(found, _events)),
    }
    return tuple(DumpTable(name, columns, rows) for name, (columns, rows) in tables.items())


_TRIAL = ("trial", "state", "evaluator", "plan", "seed", "learning_rate", "max_epochs", "parents", "score", "seconds",
          "reason")  # fmt: skip
_MODULE = ("trial", "module", "rank", "epoch", "gradient", "update", "effective_rank")
_LAYER = ("layer", "rank", "gain", "gain_low", "gain_high", "worth", "worth_low", "worth_high", "gradient", "update",
          "effective_rank")  # fmt: skip
_CONTROL = ("control", "plan", "parameters", "effect", "low", "high", "margin", "seeds", "metric", "split")
_LINE = ("created", "state", "kind", "data_digest", "runs", "trials", "failures", "seconds", "best", "ranks", "cost",
         "verdict", "metric", "level", "effect", "noise_floor", "proxy_correlation", "is_best_so_far")  # fmt: skip


def _columns_of_studies(results: Iterable[str]) -> tuple[str, ...]:
    return (*_STUDY, *_LINE, *(f"result {name}" for name in results))


def _study_row(line: StudyLine) -> Record:
    values = {name: getattr(line, name) for name in _LINE}
    values |= {"study": line.id, "name": line.name, "created": _moment(line.created)}
    values |= {f"result {name}": value for name, value in line.metrics.items()}
    return _plain(values | {"ranks": " ".join(map(str, line.ranks)) or None})


def _rows(found: Iterable[Overview], of_one: Callable[[Overview], Iterator[Mapping[str, object]]]) -> Iterator[Record]:
    for one in found:
        head = {"study": one.study.record.id, "name": one.study.record.name}
        for row in of_one(one):
            yield _plain({**head, **row})


def _settings(one: Overview) -> Iterator[Mapping[str, object]]:
    for name, value in sorted(one.study.settings.items()):
        yield {"setting": name, "value": value}


def _trials(one: Overview) -> Iterator[Mapping[str, object]]:
    for trial in one.study.trials:
        spec, outcome = trial.spec, trial.outcome
        yield {
            "trial": trial.id,
            "state": "finished",
            **_spec(spec.as_json()),
            "score": outcome.score,
            "seconds": outcome.seconds,
            **{f"metric {name}": value for name, value in outcome.metrics.items()},
        }
    for failure in one.study.failures:
        yield {
            "trial": failure.spec.id(one.study.record.context),
            "state": "failed",
            **_spec(failure.spec.as_json()),
            "seconds": failure.seconds,
            "reason": failure.reason,
        }


def _spec(values: dict[str, object]) -> dict[str, object]:
    plan = values.pop("plan")
    assert isinstance(plan, list)
    return {
        **values,
        "plan": " ".join(map(str, plan)),
        "parents": values.pop("parent"),
        "max_epochs": values.pop("epochs"),
    }


def _epochs(one: Overview) -> Iterator[Mapping[str, object]]:
    for trial in one.study.trials:
        for point in trial.outcome.curve:
            yield {"trial": trial.id, **asdict(point)}


def _modules(one: Overview) -> Iterator[Mapping[str, object]]:
    for trial in one.study.runs:
        trace = one.study.trace(trial)
        for point in trace.points if trace else ():
            assert trace is not None
            columns = (trace.modules, trace.ranks, point.gradient, point.update, point.effective_rank)
            for module, rank, gradient, update, directions in zip(*columns, strict=True):
                told = {"gradient": gradient, "update": update, "effective_rank": directions}
                yield {"trial": trial.id, "module": module, "rank": rank, "epoch": point.epoch, **told}


def _layers(one: Overview) -> Iterator[Mapping[str, object]]:
    for layer, worth in one.with_worth():
        row: dict[str, object] = {"layer": layer.name, "rank": layer.rank}
        if (gain := layer.gain) is not None:
            row |= {"gain": gain.loss, "gain_low": gain.low, "gain_high": gain.high}
        if worth is not None:
            row |= {"worth": worth.worth, "worth_low": worth.low, "worth_high": worth.high}
        if (last := layer.last) is not None:
            row |= {"gradient": last.gradient, "update": last.update, "effective_rank": last.effective_rank}
        yield row


def _sensitivity(one: Overview) -> Iterator[Mapping[str, object]]:
    result = one.study.result
    allocation = None if result is None else result.findings.allocate
    if result is None or allocation is None or allocation.sensitivity is None:
        return
    for own in allocation.sensitivity.losses:
        if math.isfinite(own.loss):
            figures = {"loss_added": own.loss, "low": own.low, "high": own.high}
            yield {"site": result.sites[own.site].name, "rank": own.rank, **figures}


def _controls(one: Overview) -> Iterator[Mapping[str, object]]:
    result = one.study.result
    for own in result.verdict.controls if result else ():
        assert result is not None
        figures = {name: getattr(own, name) for name in ("effect", "low", "high", "margin", "seeds")}
        told = {"control": own.name, "plan": str(own.plan), "parameters": own.cost}
        yield {**told, **figures, "metric": result.verdict.metric, "split": result.verdict.split}


def _events(one: Overview) -> Iterator[Mapping[str, object]]:
    for event in one.study.events:
        yield {"time": _moment(event.time), "kind": event.kind, "detail": dict(event.detail)}


def _plain(row: Mapping[str, object]) -> Record:
    """Cells that every format can hold; what is not finite is missing."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else as_value(value)
        for name, value in row.items()
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
