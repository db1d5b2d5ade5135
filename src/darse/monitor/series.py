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
_RECENT_S = 10.0
"""For so long the charts of a page are given what the page was."""
_MOST_RECENT = 64
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


@dataclass(frozen=True)
class Span:
    """Windows of a log.

    Attributes:
        until: Seconds since 1970 (UTC); in the last window.
        window_s: Seconds of a window, whole minutes; windows begin at whole multiples of it.
        windows: How many.
        served_as: Of which label.
    """

    until: float
    window_s: int
    windows: int
    served_as: str

    @property
    def starts(self) -> list[float]:
        """When each begins, the oldest first."""
        end = (math.floor(self.until / self.window_s) + 1) * self.window_s
        return [float(end - place * self.window_s) for place in range(self.windows, 0, -1)]


class Series:
    """Windows of logs; what was summed once is remembered.

    Args:
        clock: Seconds, from anywhere: how long somebody has waited.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, float, float], Sums] = OrderedDict()
        self._recent: OrderedDict[tuple[str, Span], tuple[float, list[Counted]]] = OrderedDict()

    def windows(self, log: str, overview: TrafficOverview, span: Span, *, now: float, wait_s: float) -> list[Counted]:
        """The windows, oldest first, as many as can be summed in time: the newest come first.

        The same span asked for again within seconds, as the charts of a page do, is not summed again.

        Args:
            log: A name for the log, the same whenever it is the same.
            overview: The log.
            span: Which windows.
            now: Seconds since 1970 (UTC).
            wait_s: Seconds to sum for; each later call gets further.
        """
        key, began = (log, span), self._clock()
        with self._lock:
            recent = self._recent.get(key)
            if recent is not None and began < recent[0]:
                return recent[1]
        found = self._windows(log, overview, span, now, began + wait_s)
        with self._lock:
            self._recent[key] = (self._clock() + _RECENT_S, found)
            self._recent.move_to_end(key)
            while len(self._recent) > _MOST_RECENT:
                self._recent.popitem(last=False)
        return found

    def _windows(self, log: str, overview: TrafficOverview, span: Span, now: float, ends_at: float) -> list[Counted]:
        starts, window_s = span.starts, span.window_s
        known, end = overview.span(), starts[-1] + window_s
        summed = {
            start: self._sum((log, span.served_as), overview, known, (start, start + window_s), now, ends_at)
            for start in reversed(starts)
        }
        requests = overview.requests(starts[0], end, window_s=window_s)
        judged = overview.judged(starts[0], end, served_as=span.served_as, unit_s=window_s)
        return [
            _counted(
                start, window_s, *summed[start], requests.get(int(start // window_s), Counter()),
                judged.get(place, Judged()),
            )
            for place, start in enumerate(starts)
        ]  # fmt: skip

    def _sum(
        self,
        named: tuple[str, str],
        overview: TrafficOverview,
        known: tuple[float, float] | None,
        window: tuple[float, float],
        now: float,
        ends_at: float,
    ) -> tuple[Sums, bool]:
        """The sums of a window, and whether they are whole."""
        found, missing = Sums(), list[tuple[float, float]]()
        with self._lock:
            for unit in _units(*window):
                if known is None or unit[1] <= known[0] or unit[0] > known[1]:
                    continue
                kept = self._kept.get((*named, *unit))
                if kept is None:
                    missing.append(unit)
                else:
                    found.add(kept)
        if missing and self._clock() > ends_at:
            return found, False
        if missing:
            since, unit_s = missing[0][0], missing[0][1] - missing[0][0]
            summed = overview.sums(since, missing[-1][1], served_as=named[1], unit_s=unit_s)
            for start, stop in missing:
                sums = summed.get(round((start - since) / unit_s), Sums())
                found.add(sums)
                if stop < now - _SETTLED_S:
                    self._keep((*named, start, stop), sums)
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
    since: float, window_s: int, sums: Sums, is_whole: bool, requests: Counter[str], judged: Judged
) -> Counted:
    return Counted(since, since + window_s, sums, requests, judged.right, judged.squared_error, is_whole)
