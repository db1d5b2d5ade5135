"""Paired losses of a plan and its controls to a judgement that a manager understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from darse.evaluate.losses import Floats
from darse.evaluate.paired import Estimate, loss_level, paired_effect
from darse.ranks.plan import RankPlan, Site, cost, is_uniform
from darse.search.controls import BEST_LAYER_WISE, BEST_UNIFORM, HEAD_ALONE, Control, option_name

_LITTLE_SEEN = "More test rows and seeds are needed to tell; until then a uniform plan is the simpler choice."
_SEEN_ONCE = "A single run of one of them proves nothing; until there are more, a uniform plan is the simpler choice."
Judgement = Literal["better", "smaller", "no_difference", "worse"]


@dataclass(frozen=True, slots=True)
class ControlEffect:
    """A control and how the plan compares with it.

    Attributes:
        name: Of the control.
        plan: Its ranks.
        cost: Its trainable parameters.
        effect: How much better the plan is in the metric; below 0 means worse.
        low: Lower end of the 95 % interval.
        high: Upper end.
        margin: How much worse would still count as not worse, in the metric.
        seeds: Runs on each side; one alone shows nothing of chance, so it proves nothing.
    """

    name: str
    plan: RankPlan
    cost: int
    effect: float
    low: float
    high: float
    margin: float
    seeds: int

    @property
    def is_better(self) -> bool:
        """Whether the plan is better beyond chance."""
        return self.seeds > 1 and self.low > 0

    @property
    def is_not_worse(self) -> bool:
        """Whether the plan is shown to be not worse than the margin."""
        return self.seeds > 1 and self.low > -self.margin

    @property
    def is_worse(self) -> bool:
        """Whether the plan is worse beyond chance."""
        return self.seeds > 1 and self.high < 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement at the end.

    Attributes:
        verdict: `better`, `smaller` (and not worse), `no_difference` or `worse`.
        sentence: The same in plain words.
        metric: What was compared: `mse`, `accuracy`, or `loss` for a user's own evaluator.
        split: Where: `test`, or `valid` for a user's own evaluator.
        level: The plan's own metric there, mean over its seeds.
        controls: What the plan was compared with.
    """

    verdict: Judgement
    sentence: str
    metric: str
    split: str
    level: Estimate
    controls: tuple[ControlEffect, ...]


@dataclass(frozen=True, slots=True)
class Contender:
    """A control and its runs.

    Attributes:
        control: The control.
        losses: Of its runs, shape (seeds, examples).
        places: Of each run, the place of the plan's run of the same seed; None where both have the same seeds.
    """

    control: Control
    losses: Floats
    places: tuple[int, ...] | None = None

    def effect(self, plan: Floats, *, seed: int, level: float = 0.95) -> Estimate:
        """How much better the plan is, on the seeds of both; `plan` has its losses, shape (seeds, examples)."""
        own = plan if self.places is None else plan[list(self.places)]
        return paired_effect(own, self.losses, seed=seed, level=level)


def paired_runs(
    plan: RankPlan, controls: Sequence[Control], losses: Mapping[RankPlan, Mapping[int, Floats]]
) -> tuple[Floats, list[Contender]]:
    """Losses of the plan, and of each control on the seeds that it shares with the plan, where there are any.

    Args:
        plan: The plan that was found.
        controls: What it is compared with.
        losses: Of the runs of each plan, shape (examples,), by the number of their seed.
    """
    seeds = sorted(losses[plan])
    contenders = []
    for control in controls:
        theirs = losses.get(control.plan, {})
        # a run may have failed on one side, or a limit come first
        if shared := [seed for seed in seeds if seed in theirs]:
            places = tuple(map(seeds.index, shared))
            contenders.append(Contender(control, np.stack([theirs[seed] for seed in shared]), places))
    return np.stack([losses[plan][seed] for seed in seeds]), contenders


def judge(
    plan: RankPlan,
    losses: Floats,
    contenders: Sequence[Contender],
    *,
    sites: Sequence[Site],
    metric: str,
    split: str,
    margin: float,
    seed: int,
    untrained: Sequence[str] = (),
    ended_by: str = "",
) -> Verdict:
    """Compare a plan with its controls.

    Args:
        plan: The plan that was found.
        losses: Its losses, shape (seeds, examples).
        contenders: Its controls, each of which may lack some of the plan's seeds.
        sites: For the costs.
        metric: Name of the metric.
        split: Name of the split.
        margin: Part of the metric that still counts as not worse.
        seed: Of the resampling.
        untrained: Names of controls that have no run; with any of them the plan cannot be better than every control.
        ended_by: The limit that ended the search early (`limit_name`); empty where it came to its own end.
    """
    controls = tuple(_effect(one, losses, sites=sites, metric=metric, margin=margin, seed=seed) for one in contenders)
    own = cost(plan, sites)
    winners = [
        control
        for control, one in zip(controls, contenders, strict=True)
        if control.is_worse and _is_surely_worse(one, losses, among=len(contenders), seed=seed)
    ]
    judgement = _judgement(own, controls, winners, is_complete=not untrained)
    sentence = _alone(own)
    if controls:
        has_one_rank = is_uniform(plan, sites)
        sentence = _sentence(judgement, own, controls, winners, metric, has_one_rank=has_one_rank) + _doubt(controls)
        if untrained:
            sentence += f" Not trained, so not compared: {', '.join(untrained)}."
    if ended_by:
        sentence += (
            f" {ended_by} ended the search early: the plan is the best of what was tried, and a longer search may find "
            "another."
        )
    return Verdict(judgement, sentence, metric, split, metric_level(losses, metric, seed), controls)


def _effect(
    one: Contender, losses: Floats, *, sites: Sequence[Site], metric: str, margin: float, seed: int
) -> ControlEffect:
    found = one.effect(losses, seed=seed)
    level = float(one.losses.mean())
    value = 1 - level if metric == "accuracy" else level
    plan = one.control.plan
    return ControlEffect(
        one.control.name,
        plan,
        cost(plan, sites),
        found.mean,
        found.low,
        found.high,
        margin * abs(value),
        len(one.losses),
    )


def metric_level(losses: Floats, metric: str, seed: int) -> Estimate:
    """The metric itself, from its losses."""
    found = loss_level(losses, seed=seed)
    return Estimate(1 - found.mean, 1 - found.high, 1 - found.low) if metric == "accuracy" else found


def _is_surely_worse(one: Contender, losses: Floats, *, among: int, seed: int) -> bool:
    """Whether the plan is worse also for somebody who looks at several controls (Bonferroni).

    To be better it has to beat every control, and needs no correction; one control of several is enough to be worse.
    """
    return one.effect(losses, seed=seed, level=1 - 0.05 / among).high < 0


def _judgement(
    own: int, controls: Sequence[ControlEffect], winners: Sequence[ControlEffect], *, is_complete: bool
) -> Judgement:
    if winners:
        return "worse"
    uniform = next((control for control in controls if control.name == BEST_UNIFORM), None)
    if uniform is None:
        return "no_difference"
    if is_complete and all(control.is_better for control in controls):
        return "better"
    return "smaller" if own < uniform.cost and uniform.is_not_worse else "no_difference"


def _alone(own: int) -> str:
    return (
        f"Nothing is shown: no other plan was trained beside this one ({own:,} parameters), so there is nothing to "
        "compare it with; allow more trials or minutes."
    )


def _sentence(
    judgement: Judgement,
    own: int,
    controls: Sequence[ControlEffect],
    winners: Sequence[ControlEffect],
    metric: str,
    *,
    has_one_rank: bool,
) -> str:
    first = controls[0]
    compared = f"{first.name} ({first.cost:,} parameters)"
    change = change_words(first, metric)
    size = (
        f"{own:,} parameters, {first.cost / own:.1f} times fewer than"
        if own < first.cost
        else f"{own:,} parameters, against"
    )
    if judgement == "better":
        return f"Better: the plan has {size} {compared}, and its {change}; it beats every control."
    if judgement == "smaller":
        return (
            f"Smaller and not worse: the plan has {size} {compared}, and its {change}, "
            f"within the margin of {amount_words(first.margin, metric)}."
        )
    if judgement == "worse":
        culprit = min(winners, key=lambda control: control.high)
        return (
            f"Worse: the plan ({own:,} parameters) loses to {culprit.name} ({culprit.cost:,} parameters): its "
            f"{change_words(culprit, metric)}. Use {culprit.name} instead: "
            f"export it with --plan {option_name(culprit.name)}."
        )
    rival = next((control for control in controls if control.name == BEST_LAYER_WISE), None)
    if has_one_rank and rival is not None:
        against = f"against {rival.name} ({rival.cost:,} parameters) its {change_words(rival, metric)}"
        if rival.is_not_worse:
            return (
                f"Uniform is good enough: the same rank everywhere ({own:,} parameters) is not worse than plans with "
                f"ranks of their own for each site; {against}, within the margin of "
                f"{amount_words(rival.margin, metric)}."
            )
        return (
            f"No difference shown: no plan tried with ranks of its own for each site did surely better than the same "
            f"rank everywhere ({own:,} parameters); {against}. {_LITTLE_SEEN if rival.seeds > 1 else _SEEN_ONCE}"
        )
    if has_one_rank:
        return (
            f"Nothing is shown about single layers: no plan with ranks of its own for each site was trained beside the "
            f"uniform one ({own:,} parameters). Against {compared} its {change}."
        )
    return (
        f"No difference shown: the plan has {size} {compared}; its {change}, which is neither better than every "
        f"control beyond chance nor smaller and surely within the margin of {amount_words(first.margin, metric)}. "
        f"{_LITTLE_SEEN}"
    )


def _doubt(controls: Sequence[ControlEffect]) -> str:
    """A word of warning where no adapter at all might do as well."""
    head = next((control for control in controls if control.name == HEAD_ALONE), None)
    if head is None or head.is_better:
        return ""
    if head.seeds == 1 and head.low > 0:
        return (
            " That it beats the head alone, without any adapter, rests on a single run of each, which proves nothing."
        )
    return " It is not shown to beat the head alone, without any adapter."


def change_words(control: ControlEffect, metric: str) -> str:
    """How the metric compares with a control's, with the interval of the improvement."""
    amount = amount_words(abs(control.effect), metric)
    change = f"{amount} {'better' if control.effect > 0 else 'worse'}" if control.effect else "the same"
    low, high = _signed(control.low, metric), _signed(control.high, metric)
    return f"{metric} is {change} [95 % interval of the improvement: {low} to {high}]"


def amount_words(value: float, metric: str) -> str:
    """An amount of a metric: points of accuracy, else a plain number."""
    return f"{100 * value:.2f} points" if metric == "accuracy" else f"{value:.4g}"


def _signed(value: float, metric: str) -> str:
    return f"{100 * value:+.2f}" if metric == "accuracy" else f"{value:+.4g}"
