"""A name to the adapter that has it, with the history of the name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from darse.errors import AdapterError, InputError, StoreError
from darse.files import is_folder
from darse.names import printable, printable_path
from darse.store.evaluations import BaselineRow, Evaluations
from darse.store.seal import MAX_KEY_LENGTH
from darse.testing.cells import Cell, CellStore, compute_cell, find_cell
from darse.testing.dataset import Dataset
from darse.testing.entry import Check, Entry, Facts, adapter_entry


@dataclass(frozen=True, slots=True)
class Baseline:
    """A name that was given to an adapter.

    Attributes:
        name: The name.
        time: When it was given, seconds since 1970 (UTC).
        facts: Of the adapter.
        note: What whoever gave it wrote beside it.
    """

    name: str
    time: float
    facts: Facts
    note: str = ""


@dataclass(frozen=True)
class _Body:
    facts: Facts
    note: str = ""


_BODIES = TypeAdapter(_Body)


def set_baseline(evaluations: Evaluations, name: str, facts: Facts, *, now: float, note: str = "") -> Baseline:
    """Give a name to an adapter from now on; what had it before stays in the history.

    Raises:
        InputError: The text cannot be a name.
    """
    if not _is_name(name):
        raise InputError(f"{printable(name)!r} cannot name a baseline; use 1 to {MAX_KEY_LENGTH} printable characters")
    evaluations.set_baseline(BaselineRow(now, name, asdict(_Body(facts, note))))
    return Baseline(name, now, facts, note)


def baseline_history(evaluations: Evaluations, name: str | None = None) -> list[Baseline]:
    """Every time that a name was given, or one name, oldest first.

    Raises:
        StoreError: A row is of another version.
    """
    return [_read(row) for row in evaluations.baselines(name)]


def current_baselines(evaluations: Evaluations) -> list[Baseline]:
    """What each name means now, by name."""
    last = {one.name: one for one in baseline_history(evaluations)}
    return [last[name] for name in sorted(last)]


def find_baseline(evaluations: Evaluations, name: str) -> Baseline:
    """What a name means now; the folder of an adapter or of a study stands for itself.

    Raises:
        InputError: Nothing has the name.
    """
    row = evaluations.baseline(name) if _is_name(name) else None
    if row is not None:
        return _read(row)
    if is_folder(name):
        return Baseline(name, 0.0, adapter_entry(Path(name)).facts)
    known = ", ".join(printable(one.name) for one in current_baselines(evaluations)) or "none"
    raise InputError(
        f"there is no baseline {printable(name)!r} (there are: {known}); set it with: darse baseline set NAME ADAPTER"
    )


def baseline_entry(baseline: Baseline, *, base: str | None = None, trust_remote_code: bool = False) -> Entry:
    """The adapter of a baseline, from where it was.

    Raises:
        AdapterError: It is not there any more, or another one is.
    """
    facts = baseline.facts
    where = printable_path(facts.folder)
    remedy = f"put it back, or set the baseline again: darse baseline set {printable(baseline.name)} ADAPTER"
    try:
        entry = adapter_entry(Path(facts.folder), base=base, trust_remote_code=trust_remote_code)
    except AdapterError as error:
        raise AdapterError(
            f"the adapter of baseline {printable(baseline.name)!r} is gone ({error}); {remedy}"
        ) from error
    if entry.facts.adapter != facts.adapter:
        raise AdapterError(f"{where} holds another adapter than when it became {printable(baseline.name)!r}; {remedy}")
    return Entry(replace(entry.facts, name=baseline.name), entry.load)


def baseline_cell(
    store: CellStore,
    baseline: Baseline,
    data: Dataset,
    *,
    base: str | None = None,
    trust_remote_code: bool = False,
    check: Check = lambda: None,
) -> Cell:
    """What a baseline answers on a data set: as it is kept, else asked of the adapter where it lies.

    Args:
        store: Where cells are kept.
        baseline: The baseline.
        data: The data set.
        base: Name or folder of the base model, if it is not where the adapter says.
        trust_remote_code: Whether code that comes with the base model may run.
        check: Called often; raises to stop.

    Raises:
        AdapterError: It was never evaluated on these rows, and is gone.
        UnfitError: It cannot be judged on them.
    """
    kept = find_cell(store, replace(baseline.facts, name=baseline.name), data)
    if kept is not None:
        return kept
    entry = baseline_entry(baseline, base=base, trust_remote_code=trust_remote_code)
    return compute_cell(store, entry, data, check=check)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_KEY_LENGTH and text.isprintable()


def _read(row: BaselineRow) -> Baseline:
    try:
        body = _BODIES.validate_python(row.body)
    except ValidationError as error:
        raise StoreError(f"baseline {printable(row.name)!r} is of another version of darse; set it again") from error
    return Baseline(row.name, row.time, body.facts, body.note)
