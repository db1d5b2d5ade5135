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
            answer = _answer(lambda store: store.artifact(digest), store)
            seen["artifacts refused"] += 1
            if not _is_refusal(answer):
                problems.append(f"{what}: the artifact is silently wrong")
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
    store.register_study(a_record())
    store.add_event(STUDY, Event(9.0, "last", {}))
    os._exit(0)


def _judge(path: Path, allowed: list[dict[str, object]], what: str, problems: list[str]) -> str:
    """Open and read a damaged store; what became of it, in a few words.

    Args:
        path: The store's file.
        allowed: What it may say: the last commit, then the one before.
        what: What was done to it.
        problems: Gets what is neither allowed nor a store error of one line.
    """
    try:
        store = open_store(path)
    except StoreError as error:
        if "\n" in str(error) or str(path) not in str(error):
            problems.append(f"{what}: unclear message {error}")
        return "refused on opening"
    with store:
        said = {name: _answer(read, store) for name, read in READS.items()}
    clear = {name: answer for name, answer in said.items() if not _is_refusal(answer)}
    for age, commit in enumerate(allowed):
        if all(answer == commit[name] for name, answer in clear.items()):
            return "refused on reading" if len(clear) < len(said) else ("last commit", "previous commit")[age]
    problems.append(f"{what}: {[name for name in clear if clear[name] != allowed[0][name]]} are silently wrong")
    return "wrong"


def _answer(read: Callable[[Store], object], store: Store) -> object:
    """What a store says, or the error with which it refuses."""
    try:
        return read(store)
    except StoreError as error:
        return error


def _is_refusal(answer: object) -> bool:
    return isinstance(answer, StoreError) and "\n" not in str(answer)


def _counts(seen: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(seen.items()))
