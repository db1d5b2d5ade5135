"""A candidate, its baseline and a policy to a gate: every check with its outcome and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import false_discovery_control

from darse.amounts import plural
from darse.names import printable
from darse.search.verdict import amount_words
from darse.testing.comparison import refuse_metric
from darse.testing.dataset import Dataset
from darse.testing.entry import Facts
from darse.testing.evidence import DEFAULT_ALPHAS, Evidence, Outcome, evidence_of, worse_p
from darse.testing.policy import Floor, Policy
from darse.testing.quality import FEW_ROWS, LOWER_IS_BETTER, Judged, figures
from darse.testing.slices import Slice, find_slices

Kind = Literal["quality", "slice", "floor", "budget"]
CANDIDATE, BASELINE = "candidate", "baseline"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a gate looks at.

    Attributes:
        name: What it is, one of its own within the gate.
        kind: `quality`, `slice`, `floor` or `budget`.
        outcome: `passed`, `failed`, or `undecided` where nothing can be told.
        sentence: What was found, in words.
        value: The figure that was looked at; None where there is none.
        limit: The bound that it has to keep; None where there is none.
        rows: How many rows it stands on; None for a budget.
    """

    name: str
    kind: Kind
    outcome: Outcome
    sentence: str
    value: float | None = None
    limit: float | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """How a candidate fared.

    Attributes:
        baseline: Name of what it was held against.
        candidate: Its name.
        data: Name of the data set.
        checks: Everything that was looked at.
        undecided: Whether `undecided` counts as failed.
    """

    baseline: str
    candidate: str
    data: str
    checks: tuple[Check, ...]
    undecided: Literal["fail", "pass"]

    @property
    def outcome(self) -> Outcome:
        """`failed` if a check failed, else `undecided` if one is, else `passed`."""
        found = {one.outcome for one in self.checks}
        return "failed" if "failed" in found else "undecided" if "undecided" in found else "passed"

    @property
    def is_passed(self) -> bool:
        """Whether the candidate may take the baseline's place, by the policy."""
        return self.outcome == "passed" or (self.outcome == "undecided" and self.undecided == "pass")


def hold_gate(
    policy: Policy, baseline: Judged, candidate: Judged, data: Dataset, *, ms: Mapping[str, float] | None = None
) -> Gate:
    """Look at everything that a policy asks of a candidate.

    Args:
        policy: What is asked.
        baseline: The baseline's answers beside what is true.
        candidate: The candidate's, on the same rows.
        data: The rows.
        ms: Milliseconds of one text by `baseline` and `candidate`, where the policy asks for them and they are known.

    Raises:
        InputError: The two cannot be compared by the policy's metric, or there is nothing to slice by.
    """
    metric = policy.metric or candidate.metric
    facts = {BASELINE: baseline.cell.facts, CANDIDATE: candidate.cell.facts}
    for name, one in ((BASELINE, baseline), (CANDIDATE, candidate)):
        refuse_metric(one, metric, facts[name].name)
    checks = [
        _quality(policy, baseline, candidate, metric, data),
        *_slices(policy, baseline, candidate, metric, data),
        *(_floor(one, candidate, data) for one in policy.floors),
        *_budgets(policy, facts, ms or {}),
    ]
    return Gate(facts[BASELINE].name, facts[CANDIDATE].name, data.name, tuple(checks), policy.undecided)


def _quality(policy: Policy, baseline: Judged, candidate: Judged, metric: str, data: Dataset) -> Check:
    """The paired comparison on all rows."""
    losses = baseline.losses(metric), candidate.losses(metric)
    found = evidence_of(*losses, metric, margin=policy.margin, alpha=policy.alpha)
    name = f"{metric} against {baseline.cell.facts.name}"
    outcome, more = found.outcome(policy.mode), ""
    own, other = candidate.cell.facts.adapter, baseline.cell.facts.adapter
    if own and own == other:
        outcome, more = "passed", "; the candidate is the very adapter of the baseline"
    elif metric == "accuracy" and len({row.label for row in data.rows}) < 2:
        outcome, more = "undecided", f"; all rows of {data.name} have one class, which shows nothing of the others"
    elif outcome == "undecided":
        more = f"; {plural(found.rows, 'row')} cannot tell, about {found.needed[policy.mode]:,} are needed"
    limit = -found.margin if policy.mode == "not_worse" else found.alphas[policy.mode]
    value = found.effect.low if policy.mode == "not_worse" else found.p
    return Check(name, "quality", outcome, _effect_words(found, metric, policy) + more, value, limit, found.rows)


def _effect_words(found: Evidence, metric: str, policy: Policy) -> str:
    gain, size = found.effect.mean, amount_words(abs(found.effect.mean), metric)
    told = f"{metric} is {size} {'better' if gain > 0 else 'worse'}" if gain else f"{metric} is the same"
    if policy.mode == "regression":
        return f"{told}; p {found.p:.2g} of no loss, worse if it is {found.alphas[policy.mode]:g} or less"
    low = f"{'-' if found.effect.low < 0 else ''}{amount_words(abs(found.effect.low), metric)}"
    sure = f"with {1 - found.alphas[policy.mode]:.0%} confidence the gain is above {low}"
    return f"{told}; {sure}, and has to be above -{amount_words(found.margin, metric)}"


def _slices(policy: Policy, baseline: Judged, candidate: Judged, metric: str, data: Dataset) -> list[Check]:
    """Whether the candidate is shown to be worse on a slice, corrected for the number of slices."""
    parts = find_slices(data, policy.slices)
    if not parts:
        return []
    losses = baseline.losses(metric), candidate.losses(metric)
    alpha = policy.alpha or DEFAULT_ALPHAS["regression"]
    p = [worse_p(losses[0][one.places], losses[1][one.places], metric) for one in parts]
    checks = []
    for part, q in zip(parts, false_discovery_control(p), strict=True):
        gain = float((losses[0][part.places] - losses[1][part.places]).mean())
        told = f"{amount_words(abs(gain), metric)} {'better' if gain > 0 else 'worse'}" if gain else "the same"
        few = " (few rows)" if len(part.places) < FEW_ROWS else ""
        outcome: Outcome = "failed" if q <= alpha else "passed"
        sentence = f"{metric} on {printable(part.name)} is {told}{few}; p {q:.2g} of no loss, corrected for all slices"
        checks.append(Check(f"slice {part.name}", "slice", outcome, sentence, float(q), alpha, len(part.places)))
    return checks


def _floor(floor: Floor, candidate: Judged, data: Dataset) -> Check:
    """Whether a metric keeps its bound."""
    word = "at most" if floor.metric in LOWER_IS_BETTER else "at least"
    name = f"{floor.metric} {word} {floor.limit:g}" + (f" on {floor.slice}" if floor.slice else "")
    part = None if floor.slice is None else _part(floor.slice, data)
    if floor.slice is not None and part is None:
        return Check(
            name, "floor", "undecided", f"{data.name} has no row of {printable(floor.slice)}", None, floor.limit
        )
    rows = len(data) if part is None else len(part.places)
    found = figures(candidate, None if part is None else part.places, wanted=(floor.metric,)).get(floor.metric)
    if found is None:
        told = f"{floor.metric} cannot be told of these answers and rows"
        return Check(name, "floor", "undecided", told, None, floor.limit, rows)
    ends = (found.low, found.high)
    value = found.value
    if floor.is_sure:
        end = ends[1] if floor.metric in LOWER_IS_BETTER else ends[0]
        if end is None:
            return Check(name, "floor", "undecided", f"{floor.metric} has no interval", value, floor.limit, rows)
        value = end
    keeps = value <= floor.limit if floor.metric in LOWER_IS_BETTER else value >= floor.limit
    outcome: Outcome = "passed" if keeps else "failed"
    if rows < FEW_ROWS and not floor.is_sure:
        return Check(
            name, "floor", "undecided", f"{plural(rows, 'row')} are fewer than {FEW_ROWS}", value, floor.limit, rows
        )
    sure = " (end of the interval)" if floor.is_sure else ""
    return Check(name, "floor", outcome, f"{floor.metric} is {value:.4g}{sure}", value, floor.limit, rows)


def _part(name: str, data: Dataset) -> Slice | None:
    by, _, _ = name.partition("=")
    return next((one for one in find_slices(data, (by,)) if one.name == name), None)


def _budgets(policy: Policy, facts: Mapping[str, Facts], ms: Mapping[str, float]) -> list[Check]:
    """Size and time of the candidate, and beside the baseline's."""
    budgets = policy.budgets
    known: dict[str, Mapping[str, float | None]] = {
        "parameters": {name: one.parameters for name, one in facts.items()},
        "bytes": {name: one.file_bytes for name, one in facts.items()},
        "ms": {name: ms.get(name) for name in facts},
    }
    checks = []
    for what, values in known.items():
        most: float | str | None = getattr(budgets, what)
        if most is not None:
            checks.append(_bound(f"{what} at most {float(most):,g}", values[CANDIDATE], float(most)))
        ratio: float | None = getattr(budgets, f"{what}_ratio")
        if ratio is not None:
            own, other = values[CANDIDATE], values[BASELINE]
            value = None if own is None or not other else own / other
            checks.append(_bound(f"{what} at most {ratio:g} times the baseline's", value, ratio))
    return checks


def _bound(name: str, value: float | None, limit: float) -> Check:
    if value is None:
        return Check(name, "budget", "undecided", "it cannot be told of one of the two", None, limit)
    outcome: Outcome = "passed" if value <= limit else "failed"
    return Check(
        name, "budget", outcome, f"it is {value:,.0f}" if value >= 1000 else f"it is {value:.4g}", value, limit
    )


def failed_checks(gate: Gate) -> Sequence[Check]:
    """The checks that keep a candidate from passing."""
    bad = {"failed"} | ({"undecided"} if gate.undecided == "fail" else set())
    return [one for one in gate.checks if one.outcome in bad]
