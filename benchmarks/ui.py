"""How long the pages take to answer, the first time and again, over a large study and a large log.

python -m benchmarks.ui --trials 1000 --rows 1000000 --work FOLDER

A study of so many trials, finished and running, and a log of so many texts over thirty days are written, and every page
is asked for by a client without a network. Then a search finishes trials as fast as its store takes them, alone and
while pages follow it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx2 as httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.report.samples import SHAPES, a_result, stages_of  # noqa: E402 - the repository's root has to be found first
from tests.ui.shelves import ADAPTER, Kept, Site, keep_study, site  # noqa: E402 - the same

from darse.ranks.plan import RankPlan  # noqa: E402 - the same
from darse.search.result import Result  # noqa: E402 - the same
from darse.store.open import open_store  # noqa: E402 - the same
from darse.store.protocol import StudyRecord  # noqa: E402 - the same
from darse.store.sql import SqlStore  # noqa: E402 - the same
from darse.store.traffic import Feedback, MinuteCount, Served  # noqa: E402 - the same
from darse.store.trial import Outcome, TrialSpec  # noqa: E402 - the same
from darse.ui.shelf import Shelf  # noqa: E402 - the same

DAYS = 30
_BATCH = 20_000
_WRITTEN = 300
"""Trials that a search finishes alone, and again while it is followed."""
_FOLLOWERS = 8


def main() -> None:
    """Print a line for each page, the slowest ones, and what following costs a search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    result = with_trials(a_result(SHAPES["joint task"]), options.trials)
    finished = _kept(options.work / "finished", result, "finished")
    running = _kept(options.work / "running", result, "running")
    log = options.work / "darse-traffic.db"
    now = time.time()
    if not log.exists():
        _write_log(log, options.rows, now)
    print(f"{len(finished.trials)} trials; {options.rows:,} texts over {DAYS} days, {log.stat().st_size >> 20} MiB\n")
    with site(options.work) as opened:
        rows = [_asked(opened, name, path) for name, path in _paths(opened, finished, running).items()]
    print("| page | first, s | again, s |\n| --- | --- | --- |")
    for name, first, again in rows:
        print(f"| {name} | {first:.2f} | {again:.2f} |")
    first, again = max(row[1] for row in rows), max(row[2] for row in rows)
    print(f"\nslowest: {first:.2f} s the first time, {again:.2f} s again")
    alone, followed = _followed(options.work / "followed")
    told = f"{followed:.0f} while {_FOLLOWERS} pages follow: {followed / alone:.2f} times"
    print(f"{alone:.0f} trials a second alone, {told}")


def with_trials(result: Result, amount: int) -> Result:
    """The study with as many trials as wanted, cut from its runs with seeds of their own."""
    cuts = [trial for trial in result.trials if trial.spec.evaluator == "truncate"]
    more = [
        replace(one, id=f"{place:032x}", spec=replace(one.spec, seed=10 + place // len(cuts)))
        for place, one in ((place, cuts[place % len(cuts)]) for place in range(amount - len(result.trials)))
    ]
    trials = (*result.trials, *more)
    verified = result.findings.verify
    proved = {result.plan, *(one.plan for one in verified.controls)} if verified else {result.plan}
    return replace(result, trials=trials, stages=stages_of(trials, proved))


def _kept(folder: Path, result: Result, state: str) -> Kept:
    if (folder / "study.db").exists():
        with open_store(folder / "study.db") as store:
            return Kept(folder, result.study, tuple(one.id for one in store.trials(result.study)))
    return keep_study(folder, result, name=folder.name, state=state, queued=0 if state == "finished" else 3)


def _write_log(path: Path, rows: int, now: float) -> None:
    stream, start = np.random.default_rng(0), now - DAYS * 86_400
    with open_store(path) as store:
        for first in range(0, rows, _BATCH):
            amount = min(_BATCH, rows - first)
            score, seconds = stream.random(amount), stream.lognormal(-4, 1, amount)
            served = [
                Served(
                    time=start + (first + at) * DAYS * 86_400 / rows, key=f"k{first + at}", adapter=ADAPTER,
                    name="adapter", served_as="prod", label=("bad", "neutral", "good")[int(3 * score[at])],
                    score=float(score[at]), confidence=0.8, characters=80, tokens=20, unknown=1,
                    seconds=float(seconds[at]), text_digest="0" * 64,
                )
                for at in range(amount)
            ]  # fmt: skip
            store.traffic.add(served, [Feedback(now, one.key, "good", 0.5) for one in served[::10]])
        minutes = range(int(start // 60), int(now // 60))
        store.traffic.add(minutes=[MinuteCount(one, "server", "answered", 20) for one in minutes])


def _paths(opened: Site, finished: Kept, running: Kept) -> dict[str, str]:
    views = (
        "",
        "ranks",
        "size",
        "sensitivity",
        "layers",
        "quality",
        "course",
        "events",
        "settings",
        "trials",
    )
    paths = {"studies": "/", "history": "/history", "baselines and gates": "/gates"}
    paths |= {f"study: {view or 'overview'}": opened.study(finished, *filter(None, [view])) for view in views}
    paths |= {"study: all trials": opened.study(finished, "trials.csv")}
    paths |= {"trials by score, last page": f"{opened.study(finished, 'trials')}?sort=score&page=9999"}
    paths |= {"one trial": opened.study(finished, "trials", finished.trials[0])}
    paths |= {"running: overview": opened.study(running), "running: course": opened.study(running, "course")}
    pair = "&".join(f"study={opened.key(one.folder.name)}:{one.study}" for one in (finished, running))
    paths |= {"compare": f"/compare?{pair}"}
    log = f"/served/{opened.key('darse-traffic')}"
    paths |= {"served texts": "/served", "24 hours": log, "7 days, by 6 hours": f"{log}?window=6h&windows=28"}
    return paths | {"30 days, by day": f"{log}?window=1d&windows=30", "alerts": f"{log}/alerts", "try": "/try"}


def _asked(opened: Site, name: str, path: str) -> tuple[str, float, float]:
    """Seconds of a page with the data of all its charts, the first time and again."""
    return name, _seconds(lambda: _whole(opened, path)), _seconds(lambda: _whole(opened, path))


def _whole(opened: Site, path: str) -> None:
    html = opened.page(path)
    for source in re.findall(r'data-src="([^"]+)"', html):
        assert opened.client.get(unescape(source)).status_code == 200


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _followed(folder: Path) -> tuple[float, float]:
    """Trials that a search finishes in a second, alone and while pages follow it; in turns, so both meet the same."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.db").unlink(missing_ok=True)
    spent = {False: 0.0, True: 0.0}
    with open_store(folder / "study.db") as store:
        store.register_study(StudyRecord("s", "followed", "c" * 64, {}, 1.0))
        with _pages_of(folder) as address:
            for turn in range(6):
                with _following(f"{address}/studies/{Shelf([str(folder)]).stores()[0].key}/s/live", turn % 2):
                    spent[bool(turn % 2)] += _finish(store, turn)
    return _WRITTEN / spent[False], _WRITTEN / spent[True]


@contextmanager
def _pages_of(folder: Path) -> Iterator[str]:
    """The pages in a process of their own, as people have them."""
    command = [sys.executable, "-m", "darse", "ui", str(folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://[^/]+", process.stderr.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.terminate()


@contextmanager
def _following(address: str, is_followed: int) -> Iterator[None]:
    """Some streams that are read as they come, or none."""
    ended = threading.Event()

    def follow() -> None:
        with httpx.stream("GET", address, timeout=60) as stream:
            for _ in stream.iter_lines():
                if ended.is_set():
                    return

    threads = [threading.Thread(target=follow, daemon=True) for _ in range(_FOLLOWERS * is_followed)]
    for thread in threads:
        thread.start()
    time.sleep(2.0 * is_followed)
    yield
    ended.set()
    for thread in threads:
        thread.join(30)


def _finish(store: SqlStore, turn: int) -> float:
    """Seconds of some trials."""
    specs = [TrialSpec(RankPlan((1, 2)), _WRITTEN * turn + at, 1e-3, 3) for at in range(_WRITTEN // 3)]
    store.enqueue("s", specs)
    began = time.perf_counter()
    for _ in specs:
        lease = store.claim("s", "w", now=1.0, lease_s=9.0)
        assert lease is not None
        store.finish(lease, Outcome(0.5, {}, "0" * 64, seconds=1.0), now=2.0)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
