"""Test losses of a cut adapter and of the uncut one to a verdict, in the words of every other verdict."""

from __future__ import annotations

import numpy as np

from darse.evaluate.losses import Floats
from darse.evaluate.paired import paired_effect
from darse.ranks.plan import RankPlan
from darse.search.verdict import ControlEffect, Judgement, Verdict, amount_words, change_words, metric_level

UNCUT_ADAPTER = "uncut adapter"


def judge_cut(
    losses: Floats,
    uncut: Floats,
    *,
    cost: int,
    stored: tuple[RankPlan, int],
    metric: str,
    margin: float,
    seed: int,
) -> Verdict:
    """Compare a cut adapter with the uncut one on test.

    Both are finished models, so rows alone are drawn by chance: one run is enough, unlike in a search, where the
    question is what training again would give. Runs that were trained on with several seeds are compared in the mean.

    Args:
        losses: Of the cut adapter, shape (runs, rows).
        uncut: Of the uncut one, shape (rows,).
        cost: Parameters of the cut adapter.
        stored: Ranks and parameters of the uncut one.
        metric: Name of the metric.
        margin: Part of the metric that still counts as not worse.
        seed: Of the resampling.
    """
    beside = np.broadcast_to(uncut, losses.shape)
    found = paired_effect(losses, beside, seed=seed)
    level = float(uncut.mean())
    allowed = margin * abs(1 - level if metric == "accuracy" else level)
    plan, before = stored
    effect = ControlEffect(UNCUT_ADAPTER, plan, before, found.mean, found.low, found.high, allowed, len(losses))
    judgement = _judgement(effect, cost)
    return Verdict(
        judgement,
        _sentence(judgement, effect, cost, metric),
        metric,
        "test",
        metric_level(losses, metric, seed),
        (effect,),
    )


def _judgement(effect: ControlEffect, cost: int) -> Judgement:
    if effect.high < 0:
        return "worse"
    if effect.low > 0:
        return "better"
    return "smaller" if cost < effect.cost and effect.low > -effect.margin else "no_difference"


def _sentence(judgement: Judgement, effect: ControlEffect, cost: int, metric: str) -> str:
    times = f", {effect.cost / cost:.1f} times fewer than" if 0 < cost < effect.cost else ", against"
    size = f"{cost:,} parameters{times} the uncut adapter ({effect.cost:,} parameters)"
    change = change_words(effect, metric)
    margin = amount_words(effect.margin, metric)
    if judgement == "better":
        return f"Better: the cut adapter has {size}, and its {change}."
    if judgement == "smaller":
        return f"Smaller and not worse: the cut adapter has {size}, and its {change}, within the margin of {margin}."
    if judgement == "worse":
        advice = "Keep the uncut adapter; more rows, or a larger --budget, give a surer choice."
        return f"Worse: the cut adapter has {size}, and its {change}. {advice}"
    if cost >= effect.cost:
        return f"Nothing smaller holds: no cut was found that is not worse on validation; the adapter has {size}."
    return (
        f"No difference shown: the cut adapter has {size}; its {change}, which is not surely within the margin of "
        f"{margin}. More test rows are needed to tell."
    )
