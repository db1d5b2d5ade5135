"""Unique labelled rows to train, valid and test: official splits honoured, others made from the seed."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from darse.data.example import SplitName
from darse.data.labelled import LabelledRow
from darse.errors import DataError

MIN_ROWS = 20
_MAX_SCORE_BINS = 10
_NAMES: tuple[SplitName, ...] = ("train", "valid", "test")

Parts = dict[SplitName, list[LabelledRow]]


@dataclass(frozen=True)
class Split:
    """Three parts, each in the order of the source.

    Attributes:
        parts: Rows of train, valid and test, none empty.
        origin: "official" if the source states a validation or a test split, else "made".
        straddling: Rows left out because their group also stands in an official split that is judged by.
    """

    parts: Mapping[SplitName, Sequence[LabelledRow]]
    origin: Literal["official", "made"]
    straddling: tuple[LabelledRow, ...] = ()


def split_rows(
    rows: Sequence[LabelledRow],
    *,
    valid_fraction: float,
    test_fraction: float,
    seed: int,
) -> Split:
    """Split rows so that no group stands on two sides.

    A split that the source does not state is carved out of its training rows, stratified by class, or by
    quantiles of the score where there is no class. Which rows are taken follows from their texts and the seed
    alone, through a hash: not from their order, the machine or the hash seed of the process.

    Args:
        rows: Rows without duplicates; all have an official split or none has.
        valid_fraction: Part of the carved rows that goes to valid, if the source states none.
        test_fraction: The same for test.
        seed: Seed of the study.

    Raises:
        DataError: There are fewer than 20 rows, or a split would be empty.
    """
    parts: Parts = {name: [] for name in _NAMES}
    for row in rows:
        parts[row.split or "train"].append(row)
    straddling = _drop_straddling(parts)
    left = len(rows) - len(straddling)
    if left < MIN_ROWS:
        raise DataError(f"only {left} usable rows are left, fewer than {MIN_ROWS}; label more rows")
    fractions: dict[SplitName, float] = {"valid": valid_fraction, "test": test_fraction}
    missing = {name: fraction for name, fraction in fractions.items() if not parts[name]}
    if not parts["train"]:
        raise DataError("the official splits leave no training rows; label some rows as train")
    if missing:
        grouped = any(row.group is not None for row in parts["train"])
        carve = _carve_by_group if grouped else _carve_by_stratum
        parts |= carve(parts["train"], missing, seed)
    for name in _NAMES:
        if not parts[name]:
            raise DataError(
                f"the {name} split would be empty with {left} usable rows; label more, or raise its fraction"
            )
    return Split(parts, "made" if len(missing) == 2 else "official", tuple(straddling))


def _drop_straddling(parts: Parts) -> list[LabelledRow]:
    """Take out of train, then valid, the rows whose group an official split after them holds."""
    held: set[str] = set()
    dropped = []
    for name in reversed(_NAMES):
        dropped += [row for row in parts[name] if row.group in held]
        parts[name] = [row for row in parts[name] if row.group not in held]
        held.update(row.group for row in parts[name] if row.group is not None)
    return dropped


def _carve_by_stratum(pool: Sequence[LabelledRow], fractions: Mapping[SplitName, float], seed: int) -> Parts:
    """Each stratum gives each split its fraction, rounded, and one row at least while it has three."""
    strata = _stratify(pool, min(fractions.values()))
    members: dict[Hashable, list[LabelledRow]] = defaultdict(list)
    for row in pool:
        members[strata[row.key]].append(row)
    place: dict[bytes, SplitName] = {}
    for stratum in members.values():
        order = sorted(stratum, key=lambda row: _rank(seed, row.key))
        start = 0
        for name, fraction in fractions.items():
            wanted = math.floor(len(stratum) * fraction + 0.5)
            count = min(max(1, wanted), max(0, len(stratum) - start - 1))
            place.update((row.key, name) for row in order[start : start + count])
            start += count
    return _collect(pool, {row.key: place.get(row.key, "train") for row in pool}, fractions)


def _carve_by_group(pool: Sequence[LabelledRow], fractions: Mapping[SplitName, float], seed: int) -> Parts:
    """Largest group first, each goes where its strata are most wanted."""
    strata = _stratify(pool, min(fractions.values()))
    groups: dict[bytes, list[LabelledRow]] = defaultdict(list)
    for row in pool:
        groups[b"alone" + row.key if row.group is None else b"group" + row.group.encode()].append(row)
    names: tuple[SplitName, ...] = ("train", *fractions)
    if len(groups) < len(names):
        raise DataError(
            f"the group column has {len(groups)} groups, fewer than the {len(names)} splits to fill; a row of"
            " one group never stands in two splits"
        )
    shares = {"train": 1 - sum(fractions.values()), **fractions}
    totals = Counter(strata.values())
    needs = {name: {one: shares[name] * count for one, count in totals.items()} for name in names}
    place: dict[bytes, SplitName] = {}
    empty = list(names)
    order = sorted(groups, key=lambda group: (-len(groups[group]), _rank(seed, group)))
    for position, group in enumerate(order):
        found = Counter(strata[row.key] for row in groups[group])
        # The last groups go to the splits that would stay empty otherwise.
        open_to = empty if len(order) - position <= len(empty) else names
        name = max(open_to, key=lambda one: sum(count * needs[one][key] for key, count in found.items()))
        for key, count in found.items():
            needs[name][key] -= count
        empty = [one for one in empty if one != name]
        place.update((row.key, name) for row in groups[group])
    return _collect(pool, place, fractions)


def _stratify(pool: Sequence[LabelledRow], smallest_fraction: float) -> dict[bytes, Hashable]:
    """The stratum of each row: its class, or a quantile of its score that has a row for every split."""
    if pool[0].label is not None:
        return {row.key: row.label for row in pool}
    bins = max(1, min(_MAX_SCORE_BINS, int(len(pool) * smallest_fraction)))
    order = sorted(pool, key=lambda row: (row.score or 0.0, row.key))
    return {row.key: position * bins // len(order) for position, row in enumerate(order)}


def _rank(seed: int, key: bytes) -> bytes:
    return hashlib.blake2b(b"darse split %d\0" % seed + key, digest_size=16).digest()


def _collect(
    pool: Sequence[LabelledRow], place: Mapping[bytes, SplitName], fractions: Mapping[SplitName, float]
) -> Parts:
    parts: Parts = {name: [] for name in ("train", *fractions)}
    for row in pool:
        parts[place[row.key]].append(row)
    return parts
