"""How often the verdict is right: `python benchmarks/verdict_calibration.py [--repeats 1000] [--out FILE]`.

Plants a known difference (or none) between plans, judges it many times, and prints for each kind of data how often
the 95 % interval holds the truth, how often equal plans are called better or worse, how often a real difference of
twice the measured spread of seeds (8 % of the squared error, 1.6 points of accuracy) is shown, and how often a plan
that is two margins worse is called not worse. Exit 1 if a target is missed. About fifteen minutes.

The seeds' spread: none; as measured (FACTS: 4 % of the squared error, 0.8 points of accuracy); large, so that it
dominates the spread of the examples.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.evaluate.planted import Gap, accuracy_truth, accuracy_world, mse_truth, mse_world  # noqa: E402 - the same

from darse.evaluate.losses import Floats  # noqa: E402 - the repository's root has to be found first
from darse.evaluate.paired import paired_effect  # noqa: E402 - the same
from darse.ranks.plan import RankPlan, Site, Weight  # noqa: E402 - the same
from darse.search.controls import controls_for  # noqa: E402 - the same
from darse.search.verdict import Contender, judge  # noqa: E402 - the same

RESAMPLES = 1000
SITES = tuple(Site(f"layer {place}", (Weight(f"l.{place}.q", 64, 64, place),)) for place in range(6))
PLAN = RankPlan((0, 2, 6, 2, 0, 0))
CONTROLS = controls_for(PLAN, SITES, best_uniform=RankPlan((8,) * 6), has_head=False, seed=0)
COVERAGE = 0.93
"""Least coverage for the measured spread of seeds; the percentile bootstrap of few seeds falls to 0.70."""
WRONG = 0.05
"""Most often that equal plans are called better, or worse, for the measured spread."""
MARGIN = 0.01
"""Part of the metric that counts as not worse, as by default."""
SLACK = 2.6
"""Standard errors of the simulation that a target may be missed by; one cell in two hundred is, by chance."""


MANY_ROWS = 2000
"""Test rows of large sets; looked at for the measured spread alone."""
POWER = 0.9
"""How often a gain of twice the seeds' spread should be shown."""

_PLAIN = Gap(0, 0)

_HEAD = """# How often a verdict is right

Printed by `python benchmarks/verdict_calibration.py --repeats {repeats} --out docs/calibration.md`.
Losses are drawn, so the truth is known: equal plans, a gain of twice the measured spread of seeds (8 % of the squared
error, 1.6 points of accuracy), or a plan that is two margins worse. Spread of seeds: none, as measured on real sets
(4 % of the squared error, 0.8 points of accuracy), or large (30 %, 5 points). Parts are out of {repeats} draws in the
first table, of {half} in the second.

- *coverage*: how often the 95 % interval holds the truth, for equal plans and for a planted gain
- *shown*: how often the interval of a planted gain lies above 0
- *better, equal* and *worse, equal*: how often equal plans are called so; 0.05 at the most
- *better, planted*: how often the gain is found, against all of three controls; 0.9 at the least is the aim
- *not worse, two margins worse*: how often a worse plan passes as not worse; 0.05 at the most
"""


@dataclass(frozen=True)
class Kind:
    """A metric with its planted data.

    Attributes:
        name: What the tables call it.
        metric: Its metric.
        world: Draws losses.
        truth: The difference behind them.
        spreads: Spread of the seeds by its name.
        gain: The real difference that is planted.
        plain: What all its gaps have in common.
        rows: Test rows of each of its gaps.
    """

    name: str
    metric: str
    world: Callable[[Gap, np.random.Generator], Floats]
    truth: Callable[[Gap], float]
    spreads: dict[str, float]
    gain: float
    plain: Gap = _PLAIN
    rows: tuple[int, ...] = (100, 400, MANY_ROWS)


KINDS = (
    Kind("mse", "mse", mse_world, mse_truth, {"none": 0.0, "measured": 0.04, "large": 0.3}, 0.08),
    Kind(
        "accuracy", "accuracy", accuracy_world, accuracy_truth, {"none": 0.0, "measured": 0.008, "large": 0.05}, 0.016
    ),
    Kind(
        "accuracy, plans that agree on most rows",
        "accuracy",
        accuracy_world,
        accuracy_truth,
        {"measured": 0.008},
        0.016,
        Gap(0, 0, rate=0.07, alike=0.97),
        (36, 100, 400, MANY_ROWS),
    ),
)


@dataclass(frozen=True)
class Row:
    """What one kind of data showed."""

    name: str
    cells: tuple[float, ...]
    problems: tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000, help="how often each difference is judged")
    parser.add_argument("--out", type=Path, help="also write the Markdown tables to this file")
    parser.add_argument("--part", choices=("intervals", "verdicts"), help="only this table")
    given = parser.parse_args()
    lines, problems = [_HEAD.format(repeats=given.repeats, half=given.repeats // 2)], []
    for part, title, heads, rows in (
        (
            "intervals",
            "Interval of one comparison",
            ("coverage, equal", "coverage, planted", "shown"),
            intervals(given.repeats),
        ),
        (
            "verdicts",
            "Verdict against three controls",
            (
                "better, equal",
                "worse, equal",
                "better, planted",
                "not worse, equal",
                "not worse, two margins worse",
            ),
            verdicts(max(1, given.repeats // 2)),
        ),
    ):
        if given.part not in {None, part}:
            continue
        lines += [f"### {title}", "", f"| data | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
        print("\n".join(lines[-4:]), flush=True)
        for row in rows:
            lines.append(f"| {row.name} | {' | '.join(f'{cell:.3f}' for cell in row.cells)} |")
            print(lines[-1], flush=True)
            problems += [f"{row.name}: {problem}" for problem in row.problems]
        lines.append("")
    if given.out is not None:
        missed = [f"- {problem}" for problem in problems] or ["- none"]
        given.out.write_text("\n".join([*lines, "### Missed", "", *missed, ""]), encoding="utf-8")
    print("\n".join(problems) or "every target is reached")
    return 1 if problems else 0


def gaps() -> Iterator[tuple[str, Kind, str, Gap]]:
    for kind in KINDS:
        for seeds in (2, 3, 5, 10):
            for rows in kind.rows:
                for spread, value in kind.spreads.items():
                    if rows == MANY_ROWS and spread != "measured":
                        continue
                    name = f"{kind.name}, {seeds} seeds, {rows} rows, spread {spread}"
                    yield name, kind, spread, replace(kind.plain, seeds=seeds, rows=rows, spread=value)


def intervals(repeats: int) -> Iterator[Row]:
    """Coverage and power of `paired_effect`."""
    for number, (name, kind, spread, gap) in enumerate(gaps()):
        stream = np.random.default_rng(number)
        planted = replace(gap, gain=kind.gain)
        held = [0, 0]
        shown = 0
        for time in range(repeats):
            for place, one in enumerate((gap, planted)):
                plan, control = kind.world(one, stream)
                found = paired_effect(plan, control, seed=time, resamples=RESAMPLES)
                held[place] += found.low <= kind.truth(one) <= found.high
                shown += place and found.low > 0
        rates = (held[0] / repeats, held[1] / repeats, shown / repeats)
        least = COVERAGE - SLACK * (COVERAGE * (1 - COVERAGE) / repeats) ** 0.5
        is_missed = spread == "measured" and gap.seeds >= 3 and min(rates[:2]) < least
        yield Row(name, rates, (f"coverage {min(rates[:2]):.3f}",) if is_missed else ())


def verdicts(repeats: int) -> Iterator[Row]:
    """How often `judge` says what."""
    for number, (name, kind, spread, gap) in enumerate(gaps()):
        if gap.seeds == 2 or (gap.seeds == 10 and gap.rows != MANY_ROWS):
            continue
        stream = np.random.default_rng(1000 + number)
        margin = MARGIN * (1 if kind.metric == "mse" else 1 - gap.rate)
        equal, planted, worse = (
            Counter(said(kind, replace(gap, plans=4, gain=gain), stream, time) for time in range(repeats))
            for gain in (0.0, kind.gain, -2 * margin)
        )
        shares = (
            equal["better"],
            equal["worse"],
            planted["better"],
            equal["better"] + equal["smaller"],
            worse["better"] + worse["smaller"],
        )
        rates = tuple(share / repeats for share in shares)
        most = WRONG + SLACK * (WRONG * (1 - WRONG) / repeats) ** 0.5
        is_missed = spread != "large" and max(rates[0], rates[1], rates[4]) > most
        problem = f"better {rates[0]:.3f}, worse {rates[1]:.3f}, not worse in spite of two margins {rates[4]:.3f}"
        problems = [problem] if is_missed else []
        if spread == "measured" and rates[2] < POWER - SLACK * (POWER * (1 - POWER) / repeats) ** 0.5:
            problems.append(f"a planted gain is shown {rates[2]:.3f} of the time and not {POWER:g}")
        yield Row(name, rates, tuple(problems))


def said(kind: Kind, gap: Gap, stream: np.random.Generator, time: int) -> str:
    plan, *others = kind.world(gap, stream)
    contenders = [Contender(control, losses) for control, losses in zip(CONTROLS, others, strict=True)]
    return judge(
        PLAN, plan, contenders, sites=SITES, metric=kind.metric, split="test", margin=MARGIN, seed=time
    ).verdict


if __name__ == "__main__":
    sys.exit(main())
