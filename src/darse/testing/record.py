"""Results of this room to plain JSON values, as `--json` prints them and the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from darse.insight.intervals import Interval
from darse.testing.cells import Cell
from darse.testing.entry import Facts
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


def _slice_record(one: Figures) -> dict[str, object]:
    return {
        "by": one.by,
        "value": one.value,
        "rows": one.rows,
        "is_small": one.is_small,
        "entry": one.entry,
        "metrics": metrics_record(one.metrics),
    }
