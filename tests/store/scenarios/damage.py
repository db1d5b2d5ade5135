"""R6 and R13: a damaged store says what was written to it, or raises a store error; it never says anything else."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from darse.errors import StoreError
from darse.store.open import open_store
from darse.store.protocol import Event, Store

from ..samples import READS, STUDY, a_record, contents, fill
from .forks import Result, run_alone

_TAIL_BYTES = 4096
_SEED = 13


def cut_every_tail(folder: Path, *, stride: int) -> Result:
    """Cut the file, and the log of a killed writer, at every `stride`-th of the last 4096 bytes; R6."""
    path, log = folder / "store.db", folder / "store.db-wal"
    with open_store(path) as store:
        fill(store)
        previous = contents(store)
    problems: list[str] = []
    seen: Counter[str] = Counter()
    whole = path.read_bytes()
    for cut in range(1, _TAIL_BYTES + 1, stride):
        _restore(path, {path: whole[:-cut]})
        seen[_judge(path, [previous], f"the file without its last {cut} bytes", problems)] += 1
    _restore(path, {path: whole})
    run_alone(lambda: _add_event_and_die(path))
    last_file, last_log = path.read_bytes(), log.read_bytes()
    _restore(path, {path: last_file, log: last_log})
    with open_store(path) as store:
        last = contents(store)
    for cut in range(1, _TAIL_BYTES + 1, stride):
        _restore(path, {path: last_file, log: last_log[:-cut]})
        seen[_judge(path, [last, previous], f"the log without its last {cut} bytes", problems)] += 1
    figure = f"{seen.total()} cuts: {_counts(seen)}, {len(problems)} anything else"
    return Result(
        "R6",
        "file and log cut at each of their last 4096 bytes",
        figure,
        "opens at the last or the previous commit, or one clear error",
        problems,
    )


def flip_and_cut(folder: Path, *, flips: int, cuts: int, seed: int = _SEED) -> Result:
    """Flip single bits and cut the file anywhere, and look at every read path; R13."""
    path = folder / "store.db"
    with open_store(path) as store:
        fill(store)
        expected = contents(store)
        digest = store.put_artifact(b"weights" * 100)
    whole = path.read_bytes()
    problems: list[str] = []
    seen: Counter[str] = Counter()
    for what, damaged in _damages(whole, flips, cuts, random.Random(seed)):
        _restore(path, {path: damaged})
        seen[_judge(path, [expected], what, problems)] += 1
    artifact = next(folder.glob(f"store-artifacts/*/{digest}"))
    _restore(path, {path: whole})
    with open_store(path) as store:
        for what, damaged in _damages(artifact.read_bytes(), flips // 10, cuts // 10, random.Random(seed)):
            artifact.write_bytes(damaged)
            found = _outcomes({"artifact": lambda store: store.artifact(digest)}, store, {"artifact": None}, what)
            seen["detected" if not found else "wrong"] += 1
            problems += found
    figure = f"{seen.total()} damages: {_counts(seen)}, {len(problems)} wrong rows or tracebacks"
    return Result("R13", f"{flips} bit flips, {cuts} cuts", figure, "0 wrong rows, 0 tracebacks", problems)


def _damages(whole: bytes, flips: int, cuts: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for _ in range(flips):
        bit = chance.randrange(len(whole) * 8)
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(damaged)
    for _ in range(cuts):
        size = chance.randrange(len(whole))
        yield f"cut to {size} bytes", whole[:size]


def _restore(path: Path, files: dict[Path, bytes]) -> None:
    """Make these the only files of the store."""
    for leftover in path.parent.glob("store.db*"):
        leftover.unlink()
    for name, content in files.items():
        name.write_bytes(content)


def _add_event_and_die(path: Path) -> None:
    store = open_store(path)
    store.open_study(a_record())
    store.add_event(STUDY, Event(9.0, "last", {}))
    os._exit(0)


def _judge(path: Path, allowed: list[dict[str, object]], what: str, problems: list[str]) -> str:
    """Open and read a damaged store; what became of it, in a word."""
    try:
        store = open_store(path)
    except StoreError as error:
        if "\n" in str(error) or str(path) not in str(error):
            problems.append(f"{what}: unclear message {error}")
        return "refused on opening"
    with store:
        found = [_outcomes(READS, store, state, what) for state in allowed]
        best = min(found, key=len)
        problems += best
        refused = _refusals(store)
    if best:
        return "wrong"
    return "refused on reading" if refused else "last commit" if not found[0] else "previous commit"


def _outcomes(
    reads: dict[str, Callable[[Store], object]], store: Store, expected: dict[str, object], what: str
) -> list[str]:
    """Every read that neither says what is expected nor raises a store error."""
    problems = []
    for name, read in reads.items():
        try:
            if read(store) != expected[name]:
                problems.append(f"{what}: {name} is silently wrong")
        except StoreError as error:
            if "\n" in str(error):
                problems.append(f"{what}: {name} has a message of several lines")
    return problems


def _refusals(store: Store) -> int:
    count = 0
    for read in READS.values():
        try:
            read(store)
        except StoreError:
            count += 1
    return count


def _counts(seen: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(seen.items()))
