"""Results of this room to plain JSON values, as `--json` prints them and the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from darse.insight.intervals import Interval
from darse.testing.backtest import Backtest, ServedFlip
from darse.testing.baselines import Baseline
from darse.testing.cells import Cell
from darse.testing.comparison import Comparison, Pair
from darse.testing.difference import Difference, Flip
from darse.testing.entry import Facts
from darse.testing.gate import Gate
from darse.testing.matrix import Figures, Table


def table_record(table: Table) -> dict[str, object]:
    """A table (docs/formats.md)."""
    data = table.data
    return {
        "data": data.name,
        "source": data.source,
        "sha256": data.digest,
        "rows": len(data),
        "notes": list(table.notes),
        "entries": [
            {**entry_record(facts, cell), "metrics": metrics_record(shown.metrics)}
            for facts, cell, shown in zip(table.entries, table.cells, table.whole, strict=True)
        ],
        "slices": [_slice_record(one) for one in table.slices],
        "missing": [{"name": one.name, "reason": one.reason} for one in table.missing],
    }


def comparison_record(comparison: Comparison, *, flips: int) -> dict[str, object]:
    """A comparison (docs/formats.md), with so many flips of each pair."""
    return {
        **table_record(comparison.table),
        "metric": comparison.metric,
        "pairs": [_pair_record(one, flips) for one in comparison.pairs],
        "points": [
            {"name": one.name, "loss": one.loss, "parameters": one.parameters, "ms": one.ms, "beaten_by": one.beaten_by}
            for one in comparison.points
        ],
        "rank_plans": {place: dict(ranks) for place, ranks in comparison.ranks.items()},
    }


def gate_record(gate: Gate) -> dict[str, object]:
    """A gate (docs/formats.md)."""
    return {
        "outcome": gate.outcome,
        "is_passed": gate.is_passed,
        "baseline": gate.baseline,
        "candidate": gate.candidate,
        "data": gate.data,
        "checks": [asdict(one) for one in gate.checks],
    }


def baseline_record(one: Baseline) -> dict[str, object]:
    """A name that was given to an adapter."""
    return {"name": one.name, "time": one.time, "note": one.note or None, "adapter": entry_record(one.facts)}


def backtest_record(found: Backtest, *, flips: int) -> dict[str, object]:
    """A backtest (docs/formats.md), with so many flips."""
    return {
        "candidate": entry_record(found.cell.facts, found.cell),
        "texts": found.texts,
        "adapters": dict(found.adapters),
        "flipped": None if found.flipped is None else interval_record(found.flipped),
        "moved": None if found.moved is None else interval_record(found.moved),
        "matrix": [
            {"before": before, "after": after, "texts": texts} for (before, after), texts in found.matrix.items()
        ],
        "flips": [served_flip_record(one) for one in found.flips[:flips]],
        "flips_in_all": len(found.flips),
    }


def served_flip_record(one: ServedFlip) -> dict[str, object]:
    """A served text that is answered otherwise."""
    served, truth = one.served, one.truth
    return {
        "key": served.key,
        "time": served.time,
        "text": served.text,
        "adapter": served.name,
        "label_before": served.label,
        "label_after": one.label,
        "score_before": served.score,
        "score_after": one.score,
        "confidence": one.confidence,
        "truth": None if truth is None else truth.label if truth.label is not None else truth.score,
        "is_mended": one.is_mended,
    }


def difference_record(one: Difference) -> dict[str, object]:
    """A paired difference."""
    return {
        "effect": interval_record(one.effect),
        "p": one.p,
        "rows": one.rows,
        "gained": one.gained,
        "lost": one.lost,
    }


def flip_record(one: Flip) -> dict[str, str | int | float | None]:
    """A row that flipped."""
    row = one.row
    truth = row.label if row.label is not None else row.score
    found: dict[str, str | int | float | None] = {"line": row.line, "text": row.text}
    if row.target is not None:
        found["target"] = row.target
    return {**found, "truth": truth, "before": one.before, "after": one.after, "change": one.change}


def entry_record(facts: Facts, cell: Cell | None = None) -> dict[str, object]:
    """What is known of an entry, and of its cell if it has one."""
    found: dict[str, object] = {
        "name": facts.name,
        "kind": facts.kind,
        "digest": facts.digest,
        "adapter_sha256": facts.adapter or None,
        "folder": facts.folder or None,
        "study": facts.study or None,
        "parameters": facts.parameters,
        "bytes": facts.file_bytes,
        "ranks": dict(facts.ranks),
        "rule": facts.rule or None,
    }
    return found if cell is None else {**found, "cell": cell.id, "ms": cell.ms}


def metrics_record(metrics: Mapping[str, Interval]) -> dict[str, object]:
    """Metrics by name with the ends of their intervals, which are null where there is none."""
    return {name: interval_record(one) for name, one in metrics.items()}


def interval_record(one: Interval) -> dict[str, object]:
    """A figure with the ends of its interval."""
    return {"value": one.value, "low": one.low, "high": one.high}


def _pair_record(one: Pair, flips: int) -> dict[str, object]:
    return {
        "first": one.first,
        "second": one.second,
        **difference_record(one.difference),
        "slices": [
            {
                "by": part.by,
                "value": part.value,
                "is_small": part.is_small,
                "q": part.q,
                **difference_record(part.difference),
            }
            for part in one.slices
        ],
        "flips": [flip_record(flip) for flip in one.flips[:flips]],
        "flips_in_all": len(one.flips),
    }


def _slice_record(one: Figures) -> dict[str, object]:
    return {
        "by": one.by,
        "value": one.value,
        "rows": one.rows,
        "is_small": one.is_small,
        "entry": one.entry,
        "metrics": metrics_record(one.metrics),
    }
