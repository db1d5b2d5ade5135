"""A log and a row of windows to the figures of each, summed by the database, within a time that somebody waits."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from darse.evaluate.sample import Sample
from darse.monitor.drift import Drift, compare
from darse.monitor.figures import sample_of
from darse.monitor.reference import usual_of
from darse.store.sql import SqlStore
from darse.store.traffic import Served
from darse.store.traffic_overview import Judged, Sums, TrafficOverview

UNIT_S = 3600
"""Longer windows are put together from hours, which are summed once."""
_SETTLED_S = 120.0
"""A row is written a second after its text was answered; an hour that ended so long ago does not change."""
_MOST_KEPT = 50_000
"""Units whose sums are remembered: five years of hours."""
_SAMPLE = 2000
"""Texts of a window that are compared with what is usual."""


@dataclass(frozen=True)
class Counted:
    """A window with its figures.

    Attributes:
        since: Seconds since 1970 (UTC).
        until: The same.
        sums: Over its texts.
        requests: For scores, by what became of them.
        right: Of the texts with feedback on the label, how many were right, and how many there are.
        squared_error: Sum over the texts with feedback on the score, and how many there are.
        is_whole: Whether all of it has been summed; the time ended before where it has not.
    """

    since: float
    until: float
    sums: Sums
    requests: Counter[str] = field(default_factory=Counter)
    right: tuple[int, int] = (0, 0)
    squared_error: tuple[float, int] = (0.0, 0)
    is_whole: bool = True

    @property
    def figures(self) -> dict[str, float]:
        """Every figure that there is, by the names of `Window.figures`; percentiles are known to within a tenth."""
        sums, asked = self.sums, self.requests.total()
        found: dict[str, float] = {"requests": asked, "texts": sums.texts}
        if asked:
            found["error_share"] = self.requests["failed"] / asked
            found["busy_share"] = self.requests["busy"] / asked
        for name, part in (("latency_p50_s", 0.5), ("latency_p95_s", 0.95), ("latency_p99_s", 0.99)):
            if (seconds := sums.percentile_s(part)) is not None:
                found[name] = seconds
        labelled = sums.labels.total()
        found |= {f"share:{name}": texts / labelled for name, texts in sorted(sums.labels.items())}
        for name, (total, amount) in (("score_mean", sums.scores), ("confidence_mean", sums.confidences)):
            if amount:
                found[name] = total / amount
        if sums.texts:
            found |= {"tokens_mean": sums.tokens / sums.texts, "unknown_mean": sums.unknown / sums.texts}
        if self.right[1]:
            found["accuracy"] = self.right[0] / self.right[1]
        if self.squared_error[1]:
            found["mse"] = self.squared_error[0] / self.squared_error[1]
        return found


class Series:
    """Windows of logs; what was summed once is remembered.

    Args:
        clock: Seconds, from anywhere: how long somebody has waited.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, float, float], Sums] = OrderedDict()

    def windows(
        self,
        log: str,
        overview: TrafficOverview,
        *,
        until: float,
        window_s: int,
        windows: int,
        served_as: str,
        now: float,
        wait_s: float,
    ) -> list[Counted]:
        """The windows before a moment, oldest first, as many as can be summed in time: the newest come first.

        Args:
            log: A name for the log, the same whenever it is the same.
            overview: The log.
            until: Seconds since 1970 (UTC); in the last window.
            window_s: Seconds of a window, whole minutes; windows begin at whole multiples of it.
            windows: How many.
            served_as: Of which label.
            now: Seconds since 1970 (UTC).
            wait_s: Seconds to sum for; each later call gets further.
        """
        end = (math.floor(until / window_s) + 1) * window_s
        starts = [end - place * window_s for place in range(windows, 0, -1)]
        span, ends_at = overview.span(), self._clock() + wait_s
        summed = {
            start: self._sum((log, served_as), overview, span, (start, start + window_s), now, ends_at)
            for start in reversed(starts)
        }
        requests = overview.requests(starts[0], end, window_s=window_s)
        judged: dict[int, list[Judged]] = {}
        for one in overview.judged(starts[0], end, served_as=served_as):
            judged.setdefault(int(one.time // window_s), []).append(one)
        return [
            _counted(start, window_s, *summed[start], requests.get(place, Counter()), judged.get(place, ()))
            for start, place in ((start, int(start // window_s)) for start in starts)
        ]

    def _sum(
        self,
        named: tuple[str, str],
        overview: TrafficOverview,
        span: tuple[float, float] | None,
        window: tuple[float, float],
        now: float,
        ends_at: float,
    ) -> tuple[Sums, bool]:
        """The sums of a window, and whether they are whole."""
        found = Sums()
        for start, stop in reversed(list(_units(*window))):
            if span is None or stop <= span[0] or start > span[1]:
                continue
            key = (*named, start, stop)
            with self._lock:
                kept = self._kept.get(key)
            if kept is None:
                if self._clock() > ends_at:
                    return found, False
                kept = overview.sums(start, stop, served_as=named[1])
                if stop < now - _SETTLED_S:
                    self._keep(key, kept)
            found.add(kept)
        return found, True

    def _keep(self, key: tuple[str, str, float, float], sums: Sums) -> None:
        with self._lock:
            self._kept[key] = sums
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)


def drift_of(store: SqlStore, since: float, until: float, *, served_as: str) -> dict[str, Sequence[Drift] | None]:
    """What has drifted in a window, by the digest of the adapter that answered, on a sample of its texts.

    None where nothing is known to be usual of an adapter; empty where the texts are too few.

    Args:
        store: Where the log is.
        since: Seconds since 1970 (UTC).
        until: The same.
        served_as: Of which label.
    """
    rows: dict[str, list[Served]] = {}
    for one in store.traffic_overview.sample(since, until, served_as=served_as, amount=_SAMPLE):
        rows.setdefault(one.adapter, []).append(one)
    return {adapter: _drifts(usual_of(store.traffic, adapter), group) for adapter, group in rows.items()}


def _drifts(usual: Sample | None, rows: Sequence[Served]) -> Sequence[Drift] | None:
    return None if usual is None else compare(usual, sample_of(rows))


def _units(since: float, until: float) -> Iterable[tuple[float, float]]:
    step = min(UNIT_S, until - since)
    start = since
    while start < until:
        yield start, min(start + step, until)
        start += step


def _counted(
    since: float, window_s: int, sums: Sums, is_whole: bool, requests: Counter[str], judged: Iterable[Judged]
) -> Counted:
    told = list(judged)
    right = [one.is_right for one in told if one.is_right is not None]
    errors = [one.error**2 for one in told if one.error is not None]
    return Counted(
        since=since,
        until=since + window_s,
        sums=sums,
        requests=requests,
        right=(sum(right), len(right)),
        squared_error=(sum(errors), len(errors)),
        is_whole=is_whole,
    )
