"""What servers answered in a span of time to figures that people watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from darse.evaluate.sample import Sample
from darse.store.traffic import Feedback, MinuteCount, Served, Traffic

MAX_TEXTS = 20_000
"""Texts of a window that are looked at; of more, so many are taken evenly."""


@dataclass(frozen=True)
class Window:
    """What was answered from one moment to before another.

    Attributes:
        since: Seconds since 1970 (UTC).
        until: The same.
        requests: For scores, by what became of them.
        texts: How many were scored.
        samples: What each adapter, by its digest, said of them, evenly chosen if they are many.
        latency_s: Seconds until an answer, at the percentiles 50, 95 and 99.
        right: Of the texts with feedback on the label, how many were right, and how many there are.
        squared_error: Mean over the texts with feedback on the score, and how many there are.
    """

    since: float
    until: float
    requests: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    samples: Mapping[str, Sample] = field(default_factory=dict)
    latency_s: tuple[float, float, float] | None = None
    right: tuple[int, int] = (0, 0)
    squared_error: tuple[float, int] = (0.0, 0)

    @property
    def sample(self) -> Sample | None:
        """What was said of them by all adapters; None where nothing was."""
        return Sample.joined(list(self.samples.values())) if self.samples else None

    @property
    def figures(self) -> dict[str, float]:
        """Every figure that there is, by name; what cannot be known is left out."""
        asked = self.requests.total()
        found: dict[str, float] = {"requests": asked, "texts": self.texts}
        if asked:
            found["error_share"] = self.requests["failed"] / asked
            found["busy_share"] = self.requests["busy"] / asked
        if self.latency_s is not None:
            found |= dict(zip(("latency_p50_s", "latency_p95_s", "latency_p99_s"), self.latency_s, strict=True))
        if (sample := self.sample) is not None:
            found |= _means(sample)
        if self.right[1]:
            found["accuracy"] = self.right[0] / self.right[1]
        if self.squared_error[1]:
            found["mse"] = self.squared_error[0]
        return found


def look_at(
    traffic: Traffic, since: float, until: float, *, served_as: str = "prod", adapter: str | None = None
) -> Window:
    """What was answered in a span of time.

    Args:
        traffic: The log.
        since: Seconds since 1970 (UTC).
        until: The same.
        served_as: Of which label.
        adapter: Digest of the only adapter that counts, or None for all.
    """
    kept: list[Served] = []
    texts, step = 0, 1
    for one in traffic.served(since, until, served_as=served_as, adapter=adapter):
        if texts % step == 0:
            kept.append(one)
        texts += 1
        if len(kept) == 2 * MAX_TEXTS:  # evenly chosen, whatever comes
            kept, step = kept[::2], 2 * step
    judged = [pair for pair in traffic.judged(since, until) if _counts(pair[0], served_as, adapter)]
    return Window(
        since=since,
        until=until,
        requests=_requests(traffic.minutes(since, until)),
        texts=texts,
        samples=_by_adapter(kept),
        latency_s=_percentiles(kept) if kept else None,
        right=_right(judged),
        squared_error=_squared_error(judged),
    )


def _by_adapter(rows: Sequence[Served]) -> dict[str, Sample]:
    found: dict[str, list[Served]] = {}
    for one in rows:
        found.setdefault(one.adapter, []).append(one)
    return {adapter: sample_of(group) for adapter, group in found.items()}


def sample_of(rows: Sequence[Served]) -> Sample:
    """What was said of some texts, as a sample."""
    return Sample.of(
        label=[one.label for one in rows if one.label is not None],
        score=[one.score for one in rows if one.score is not None],
        confidence=[one.confidence for one in rows if one.confidence is not None],
        tokens=[one.tokens for one in rows],
        unknown=[one.unknown / max(one.tokens, 1) for one in rows],
    )


def _counts(one: Served, served_as: str, adapter: str | None) -> bool:
    return one.served_as == served_as and adapter in {None, one.adapter}


def _requests(minutes: Sequence[MinuteCount]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in minutes:
        found[one.outcome] += one.requests
    return found


def _percentiles(rows: Sequence[Served]) -> tuple[float, float, float]:
    low, high, highest = np.percentile([one.seconds for one in rows], [50, 95, 99])
    return float(low), float(high), float(highest)


def _right(judged: Sequence[tuple[Served, Feedback]]) -> tuple[int, int]:
    told = [(one.label, feedback.label) for one, feedback in judged if feedback.label is not None]
    return sum(said == true for said, true in told), len(told)


def _squared_error(judged: Sequence[tuple[Served, Feedback]]) -> tuple[float, int]:
    told = [
        (one.score - feedback.score) ** 2
        for one, feedback in judged
        if one.score is not None and feedback.score is not None
    ]
    return (float(np.mean(told)) if told else 0.0), len(told)


def _means(sample: Sample) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, share in sorted(Counter(sample.label.tolist()).items()):
        found[f"share:{name}"] = share / len(sample.label)
    for name in ("score", "confidence", "tokens", "unknown"):
        column = getattr(sample, name)
        if len(column):
            found[f"{name}_mean"] = float(column.mean())
    return found
