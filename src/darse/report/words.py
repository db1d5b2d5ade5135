"""Numbers, metrics and plans to the words that people read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from darse.data.example import Task
from darse.ranks.plan import RankPlan, Site
from darse.report.parts import ABSENT, NOT_MEASURED

SEARCH_LOSS = "validation loss (search)"
"""What the search makes small; `score` is kept for the data's own column, where more is better."""

METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "ece": "calibration error",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "r2": "R²",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "sign_accuracy": "sign accuracy",
    "loss": "loss",
}
_LOWER_IS_BETTER = frozenset({"ece", "mse", "mae", "loss"})
_PERCENT = frozenset({"accuracy", "macro_f1", "sign_accuracy", "ece"})
_LONG_PLAN = 12


def number(value: float | None, digits: int = 4) -> str:
    """A number with a few significant digits; a dash for none and for infinities.

    >>> number(0.123456), number(1e-7), number(float("inf"))
    ('0.1235', '1e-07', '–')
    """
    return ABSENT if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def count(value: int) -> str:
    """A whole number with separators.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def measured(value: float | None) -> str:
    """A number, or a word where there is none.

    >>> measured(0.123456), measured(float("inf"))
    ('0.1235', 'not measured')
    """
    return NOT_MEASURED if value is None or not math.isfinite(value) else number(value)


def percent(part: float, whole: float) -> str:
    """A share of a whole: one decimal, or two digits where it is small.

    >>> percent(1, 8), percent(12, 100), percent(183, 100_000), percent(1, 0)
    ('12.5 %', '12.0 %', '0.18 %', '–')
    """
    if not whole or not math.isfinite(part / whole):
        return ABSENT
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 1 or not share else f"{share:.2g} %"


def metric_value(value: float, name: str) -> str:
    """A metric as people read it: shares in per cent, all else with four digits.

    >>> metric_value(0.875, "accuracy"), metric_value(0.082, "ece"), metric_value(0.25, "mse")
    ('87.5 %', '8.2 %', '0.2500')
    """
    if not math.isfinite(value):
        return ABSENT
    return f"{100 * value:.1f} %" if is_share(name) else f"{value:#.4g}".rstrip(".")


def is_share(name: str) -> bool:
    """Whether a metric is a part of a whole."""
    return name in _PERCENT


def effect(value: float, metric: str) -> str:
    """A difference in a metric, with its sign.

    >>> effect(0.0125, "accuracy"), effect(-0.002, "mse")
    ('+1.25 points', '-0.002')
    """
    if not math.isfinite(value):
        return ABSENT
    return f"{100 * value:+.2f} points" if metric == "accuracy" else f"{value:+.3g}"


def metric_words(name: str) -> str:
    """What a metric is called."""
    return METRICS.get(name, name.replace("_", " "))


def better(name: str) -> str:
    """`lower` or `higher`: which way a metric improves."""
    return "lower" if name in _LOWER_IS_BETTER else "higher"


def plan_words(plan: RankPlan) -> str:
    """The ranks in the order of the sites; one rank everywhere, and runs of one in a long plan, are counted.

    >>> plan_words(RankPlan((0, 4, 4, 0))), plan_words(RankPlan((16,) * 6))
    ('0 4 4 0', '6×16')
    >>> plan_words(RankPlan((8,) * 20 + (0,) + (8,) * 3))
    '20×8 0 3×8'
    """
    if len(plan) <= _LONG_PLAN and len(set(plan)) > 1:
        return str(plan)
    runs = [(rank, len(list(same))) for rank, same in groupby(plan)]
    return " ".join(f"{length}×{rank}" if length > 1 else str(rank) for rank, length in runs)


def task_words(task: Task) -> str:
    """What is predicted.

    >>> task_words(Task(classes=("a", "b"), has_score=True, has_target=True))
    '2 classes and a score, for a given target'
    """
    parts = [f"{len(task.classes)} classes"] if task.classes else []
    parts += ["a score"] if task.has_score else []
    if not parts:
        return "whatever the user's own evaluator measures"
    return " and ".join(parts) + (", for a given target" if task.has_target else "")


def layer_numbers(sites: Sequence[Site]) -> bool:
    """Whether the sites are the layers themselves, in order."""
    return all(site.name == f"layer {place}" for place, site in enumerate(sites))


def listed(names: Sequence[str], limit: int = 6) -> str:
    """Names in a row, the first ones where they are many.

    >>> listed(["a", "b"]), listed(list("abcd"), limit=2)
    ('a, b', 'a, b and 2 more')
    """
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def duration(seconds: float) -> str:
    """Time in a unit that fits.

    >>> duration(42.25), duration(600), duration(90000)
    ('42.2 seconds', '10.0 minutes', '25.0 hours')
    """
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
