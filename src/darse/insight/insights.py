"""A file with its columns known to everything that its insights say: the whole story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from darse.insight.changes import require_ruptures
from darse.insight.columns import Readable
from darse.insight.contrast import Contrast, contrast
from darse.insight.examples import Example, pick_examples
from darse.insight.issues import Issue, find_issues, is_recent_fall
from darse.insight.judgement import find_movements
from darse.insight.movement import Movement
from darse.insight.periods import Period
from darse.insight.phrases import find_phrases
from darse.insight.rows import Rows, gather_rows
from darse.insight.sample import Sample, read_sample
from darse.insight.sentiment import Wanted
from darse.insight.windows import Windows, find_windows

FEW_ROWS = 30
_LOOKED_AT_CLOSELY = 20


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a file.

    Attributes:
        wanted: What they say of classes and scale.
        period: How long a period is; None chooses.
        few: Groups with fewer dated rows than this are not judged.
        seed: Of all draws and shuffles.
    """

    wanted: Wanted = field(default_factory=Wanted)
    period: Period | None = None
    few: int = FEW_ROWS
    seed: int = 0


@dataclass(frozen=True)
class Insights:
    """What a file says.

    Attributes:
        file: The file and its columns.
        asked: What was asked.
        rows: Its rows as numbers.
        windows: The stretches of time; None without dates in two periods.
        movements: All rows, every group, every language.
        issues: What got worse lately, the surest first.
        negative: Phrases of negative texts against positive ones.
        positive: Phrases of positive texts against negative ones.
        latest: Phrases of the latest time against the time before.
        earlier: Phrases of the time before against the latest time.
        worst: Rows to read: the worst of the latest time, or of all time without dates.
        best: The best of it.
        texts: Texts that phrases and rows to read were taken from.
    """

    file: Readable
    asked: Asked
    rows: Rows
    windows: Windows | None
    movements: tuple[Movement, ...]
    issues: tuple[Issue, ...]
    negative: tuple[Contrast, ...]
    positive: tuple[Contrast, ...]
    latest: tuple[Contrast, ...]
    earlier: tuple[Contrast, ...]
    worst: tuple[Example, ...]
    best: tuple[Example, ...]
    texts: int

    def of(self, dimension: str) -> tuple[Movement, ...]:
        """The movements of a dimension."""
        return tuple(one for one in self.movements if one.dimension == dimension)


def find_insights(file: Readable, asked: Asked, *, check: Callable[[], None] = lambda: None) -> Insights:
    """Read a file twice: for the numbers, then for the texts that say what the numbers mean.

    Args:
        file: The file and its columns.
        asked: What is asked of it.
        check: Called often; it may raise to stop.

    Raises:
        DataError: The file cannot be read, or nothing in it can be used.
        MissingExtraError: The package that finds change points is not installed.
    """
    require_ruptures()
    rows = gather_rows(file, asked.wanted, check=check)
    windows = find_windows(rows.days, len(rows.group_names), asked.period)
    movements = find_movements(rows, windows, few=asked.few, seed=asked.seed, check=check)
    closely = [one.place for one in movements if one.dimension == "group" and _is_close(one, windows)]
    sample = read_sample(file, rows, windows, closely[:_LOOKED_AT_CLOSELY], seed=asked.seed, check=check)
    return _tell(file, asked, rows, windows, movements, sample)


def _is_close(movement: Movement, windows: Windows | None) -> bool:
    return windows is not None and is_recent_fall(movement, windows)


def _tell(
    file: Readable,
    asked: Asked,
    rows: Rows,
    windows: Windows | None,
    movements: tuple[Movement, ...],
    sample: Sample,
) -> Insights:
    phrases = find_phrases(sample)
    signs, days, even = rows.sentiment.signs[sample.rows], rows.days[sample.rows], sample.is_even
    negative, positive = even & (signs < 0), even & (signs > 0)
    nothing = np.zeros(len(sample), dtype=bool)
    latest = nothing if windows is None else even & (days >= windows.latest)
    earlier = nothing if windows is None else even & (days >= windows.before) & (days < windows.latest)
    read = latest if windows is not None else even
    return Insights(
        file=file,
        asked=asked,
        rows=rows,
        windows=windows,
        movements=movements,
        issues=() if windows is None else find_issues(rows, windows, movements, sample, phrases),
        negative=contrast(phrases, negative, positive),
        positive=contrast(phrases, positive, negative),
        latest=contrast(phrases, latest, earlier),
        earlier=contrast(phrases, earlier, latest),
        worst=pick_examples(rows, sample, read & (signs < 0)),
        best=pick_examples(rows, sample, read & (signs > 0), best=True),
        texts=len(sample),
    )
