"""A file to its scores in one call, as the command line does it in two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from darse.score.files import FileScored, score_file
from darse.score.scorable import Scorable, find_scorable
from darse.score.scorer import Scorer
from darse.settings import DataSettings

PLAIN = DataSettings()


def look_at(scorer: Scorer, source: Path, out: Path, wanted: DataSettings = PLAIN) -> Scorable:
    """What is found of a file before it is scored."""
    return find_scorable(source, out, wanted, task=scorer.task, trained=scorer.trained_columns)


def score(
    scorer: Scorer,
    source: Path,
    out: Path,
    wanted: DataSettings = PLAIN,
    *,
    progress: Callable[[int], None] = lambda rows: None,
) -> FileScored:
    """Score a file into another."""
    return score_file(scorer, look_at(scorer, source, out, wanted), progress=progress)
