"""A log and a moment to the windows before it, each with what has drifted in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darse.evaluate.sample import Sample
from darse.monitor.drift import Drift, compare
from darse.monitor.figures import Window, look_at
from darse.monitor.reference import usual_of
from darse.store.traffic import Traffic


@dataclass(frozen=True)
class Seen:
    """A window with what was found in it.

    Attributes:
        window: Its figures.
        drifts: By the digest of the adapter that answered: how what it said differs from what is usual of it. None
            where nothing is known to be usual; empty where the texts are too few.
    """

    window: Window
    drifts: Mapping[str, Sequence[Drift] | None]

    @property
    def shown(self) -> list[Drift]:
        """What has drifted beyond chance, in any adapter."""
        return [one for found in self.drifts.values() for one in found or () if one.is_shown]


def watch(
    traffic: Traffic,
    *,
    now: float,
    window_s: float,
    windows: int,
    served_as: str = "prod",
    usual: Sample | None = None,
) -> list[Seen]:
    """The last windows, oldest first; the last one is the one that has begun.

    Args:
        traffic: The log.
        now: Seconds since 1970 (UTC).
        window_s: Seconds of a window; windows begin at whole multiples of it.
        windows: How many.
        served_as: Of which label.
        usual: What every adapter is compared with, in place of what the log has kept of each.
    """
    end = (math.floor(now / window_s) + 1) * window_s
    starts = [end - place * window_s for place in range(windows, 0, -1)]
    return [look(traffic, start, start + window_s, served_as=served_as, usual=usual) for start in starts]


def look(traffic: Traffic, since: float, until: float, *, served_as: str = "prod", usual: Sample | None = None) -> Seen:
    """One window with what has drifted in it; the arguments are those of `watch`."""
    window = look_at(traffic, since, until, served_as=served_as)
    known = {adapter: usual if usual is not None else usual_of(traffic, adapter) for adapter in window.samples}
    return Seen(window, {adapter: _drifts(known[adapter], sample) for adapter, sample in window.samples.items()})


def _drifts(usual: Sample | None, sample: Sample) -> Sequence[Drift] | None:
    return None if usual is None else compare(usual, sample)
