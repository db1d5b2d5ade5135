"""The search as charts: quality over uniform rank, quality over parameters, and the scores trial by trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from darse.amounts import plural
from darse.ranks.plan import RankPlan
from darse.report.facts import FOUND, Found, NamedPlan, scored
from darse.report.figures import LEGEND, axis, band, figure, finite, frame, whole_ticks
from darse.report.parts import Chart, Table
from darse.report.theme import PLAN_COLOURS
from darse.report.words import SEARCH_LOSS, count, measured, number, plan_words
from darse.search.allocate import Candidate
from darse.search.stages import STAGES
from darse.store.trial import Trial

SCORE = f"{SEARCH_LOSS}, lower is better"
_ORIGINS = (("knapsack", "@equal", "square"), ("window", "@shuffled", "diamond"), ("greedy", "@gold", "triangle-up"))
_MARKS = {
    "full run": "filled points are full training runs",
    "short run": "triangles are short runs",
    "cut": "hollow points were cut from a full run",
    "recovered": "diamonds were cut and trained on",
    "mean": "squares are means of full runs, cut back",
}
_SYMBOLS = {
    "full run": "circle",
    "short run": "triangle-up",
    "cut": "circle-open",
    "recovered": "diamond",
    "mean": "square",
}
_STAGE_COLOURS = dict(zip(STAGES, ("@grey", "@gold", "@shuffled", "@equal", "@accent"), strict=True))


def uniform_chart(parts: Found) -> Chart | None:
    """Loss over uniform rank: coarse grid, fine points, noise band and the rank of saturation; None without a point."""
    curve, grid = parts.fine.curve, parts.coarse.curve
    ranks = [rank for rank, score in sorted(curve.items()) if math.isfinite(score)]
    if not ranks:
        return None
    scores = [curve[rank] for rank in ranks]
    dots = {"type": "scatter", "mode": "markers", "hovertemplate": "rank %{x}: %{y:.4g}<extra></extra>"}
    line = {"type": "scatter", "mode": "lines", "x": ranks, "y": scores, "line": {"color": "@line", "width": 2}}
    traces: list[dict[str, object]] = [{**line, "showlegend": False, "hoverinfo": "skip"}]
    for name, colour, picked in (
        ("coarse grid", "@uniform", [rank for rank in ranks if rank in grid]),
        ("fine points", "@equal", [rank for rank in ranks if rank not in grid]),
    ):
        marks = {"size": 10, "color": colour}
        y = [curve[rank] for rank in picked]
        traces.append({**dots, "name": name, "x": picked, "y": y, "marker": marks})
    saturates = parts.fine.rank in ranks
    if saturates:
        ring = {"symbol": "circle-open", "size": 20, "color": "@accent", "line": {"width": 2.5, "color": "@accent"}}
        here = {"type": "scatter", "mode": "markers", "x": [parts.fine.rank], "y": [curve[parts.fine.rank]]}
        traces.append({**here, "name": f"saturation: rank {parts.fine.rank}", "marker": ring, "hoverinfo": "skip"})
    best = min(scores)
    noise = band((0, 1), (best, best + parts.calibrate.noise_floor), "@accent", xref="paper", opacity=0.14)
    shapes = [{**noise, "name": "noise of the seed", "showlegend": True}]
    shown = sorted(rank for rank in ranks if rank in grid)
    x = axis("uniform rank", type="log", tickmode="array", tickvals=shown, ticktext=list(map(str, shown)))
    rows = tuple(
        (str(rank), measured(score), "coarse" if rank in grid else "fine") for rank, score in sorted(curve.items())
    )
    return Chart(
        "uniform",
        "Each point gives every site the same rank. Points inside the shaded band cannot be told from the best one. "
        + _saturation_words(parts, curve, ranks),
        f"Validation loss over {plural(len(ranks), 'uniform rank')}"
        + (f"; it saturates at rank {parts.fine.rank}" if saturates else ""),
        figure([trace for trace in traces if trace["x"]], xaxis=x, yaxis=axis(SCORE, nticks=6), shapes=shapes),
        Table("Validation loss by uniform rank", ("rank", SEARCH_LOSS, "stage"), rows),
    )


def _saturation_words(parts: Found, curve: Mapping[int, float], ranks: Sequence[int]) -> str:
    """Which rank is taken, and why it is not the smallest one in the band where it is another."""
    smallest = min(rank for rank in ranks if curve[rank] <= min(curve.values()) + parts.calibrate.noise_floor)
    if parts.fine.rank == smallest:
        return f"The smallest rank in it, {smallest}, is where quality saturates."
    return (
        f"Rank {parts.fine.rank} is where quality saturates: of what cuts say low ranks lose, full runs of the lowest "
        f"rank lose {parts.fine.real_part:.0%}."
    )


def frontier_chart(parts: Found, plans: Sequence[NamedPlan], *, is_cut: bool) -> Chart | None:
    """Loss over parameters: every candidate by its origin, and the plans that were trained; None for a single plan."""
    candidates, trained = scored(parts.allocate.candidates), [one for one in plans if one.runs]
    if len({one.plan for one in candidates} | {one.plan for one in trained}) < 2:
        return None
    how = "cut" if is_cut else "one full run"
    origins = [*_ORIGINS, ("uniform", "@grey", "circle")]
    traces = [
        _cloud(
            f"{origin} ({how})",
            [(one.cost, one.score, plan_words(one.plan)) for one in candidates if one.origin == origin],
            {"symbol": symbol, "size": 8, "color": colour, "opacity": 0.75},
        )
        for origin, colour, symbol in origins
    ]
    costs = [cost for cost in (*(one.cost for one in candidates), *(one.cost for one in trained)) if cost]
    for one in trained:
        is_found = one.name == FOUND
        if not one.cost:
            traces.append(_level(one, costs))
            continue
        marker: dict[str, object] = {
            "symbol": "star" if is_found else "x-thin",
            "size": 18 if is_found else 12,
            "color": PLAN_COLOURS.get(one.name, "@grey"),
            "line": {"width": 0 if is_found else 3, "color": PLAN_COLOURS.get(one.name, "@grey")},
        }
        traces.append(_cloud(f"{one.name} (full runs)", [(one.cost, one.score, plan_words(one.plan))], marker))
    if is_cut:
        traces.append(_gaps(candidates, trained))
    traces = [trace for trace in traces if trace["x"]]
    span = frame([[one.score for one in candidates], [one.score for one in trained]])
    marks = [f"Small marks are candidates by the strategy that proposed them, each at its {how.removeprefix('one ')}."]
    marks = marks if candidates else []
    if trained:
        others = " and the crosses" if len(trained) > 1 else ""
        marks.append(f"The star{others} {'are means of' if others else 'is the mean of its'} full runs over seeds.")
    if not all(one.cost for one in trained):
        marks.append("The dotted level is the head alone, which has no adapter to size.")
    if candidates and trained:
        led = "a dotted line leads from a plan's cut to its full runs; " if is_cut else ""
        marks.append(f"{led}compare like with like.".capitalize())
    return Chart(
        "frontier",
        f"Down and left is better: less loss for fewer parameters. {' '.join(marks)}" + (_OUTSIDE if span else ""),
        f"Validation loss over trainable parameters of {plural(len(candidates), 'candidate')} and "
        f"{plural(len(trained), 'trained plan')}",
        figure(
            traces,
            xaxis=axis("trainable adapter parameters", type="log", dtick="D2", tickformat="~s"),
            yaxis=axis(SCORE, nticks=6, **({"range": list(span)} if span else {})),
            legend={**LEGEND, "font": {"size": 11, "color": "@ink"}},
        ),
        frontier_table(parts, plans, is_cut=is_cut),
        height=420,
    )


def frontier_table(parts: Found, plans: Sequence[NamedPlan], *, is_cut: bool) -> Table:
    """Every candidate and every plan that was meant to be trained, with what was measured of it."""
    how = "cut" if is_cut else "one full run"
    named: list[tuple[str, RankPlan, int, float | None]] = [
        (f"{one.origin}, {how}", one.plan, one.cost, one.score) for one in parts.allocate.candidates
    ]
    named += [(f"{one.name}, full runs", one.plan, one.cost, one.score) for one in plans]
    rows = tuple((plan_words(plan), measured(score), count(size), origin) for origin, plan, size, score in named)
    return Table("Candidates and plans trained in full", ("ranks", SEARCH_LOSS, "parameters", "origin"), rows, True)


def trajectory_chart(trials: Sequence[Trial], stages: Sequence[str], kinds: Sequence[str]) -> Chart:
    """Loss of every trial in the order asked, and the best so far."""
    scores = [trial.outcome.score for trial in trials]
    traces = []
    for stage in STAGES:
        for kind, symbol in _SYMBOLS.items():
            places = [place for place in range(len(trials)) if stages[place] == stage and kinds[place] == kind]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": f"{stage}: {kind}",
                    "x": [place + 1 for place in places],
                    "y": finite(scores[place] for place in places),
                    "marker": {"size": 6, "color": _STAGE_COLOURS[stage], "symbol": symbol},
                    "hovertemplate": "trial %{x}: %{y:.4g}",
                }
            )
    best_scores: list[float] = list(accumulate(scores, min))
    best = {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": list(range(1, len(scores) + 1)),
        "y": finite(best_scores),
        "line": {"color": "@ink", "width": 1.8, "shape": "hv"},
        "hovertemplate": "best after %{x}: %{y:.4g}<extra></extra>",
    }
    traces.append(best)
    span = frame([score for score, its in zip(scores, kinds, strict=True) if its == kind] for kind in _SYMBOLS)
    return Chart(
        "trajectory",
        "One point per trial, in the order asked; shaded stretches are the stages. "
        + _kind_words(kinds)
        + (_OUTSIDE if span else ""),
        f"Validation loss of {plural(len(trials), 'trial')} in the order asked, and the best so far",
        figure(
            [trace for trace in traces if trace["x"]],
            xaxis=axis(
                "trial, in the order asked",
                zeroline=False,
                range=[0.5, len(trials) + 0.5],
                **whole_ticks(len(trials), first=1),
            ),
            yaxis=axis(SCORE, nticks=6, **({"range": list(span)} if span else {})),
            shapes=_stage_bands(stages),
            legend={**LEGEND, "font": {"size": 11, "color": "@ink"}},
        ),
        _stage_table(trials, stages, kinds),
        height=400,
    )


def training_chart(plans: Sequence[NamedPlan], *, of_training: bool) -> Chart | None:
    """Loss after each epoch of the verified runs; None where no run has two epochs to compare."""
    runs = [(one.name, run) for one in plans for run in one.runs if run.outcome.curve]
    if all(len(run.outcome.curve) < 2 for _, run in runs):
        return None
    curves = [[point.train_loss if of_training else point.score for point in run.outcome.curve] for _, run in runs]
    names = [name for name, _ in runs]
    traces = [
        _curve(name, run.spec.seed, losses, is_first=names.index(name) == place)
        for place, ((name, run), losses) in enumerate(zip(runs, curves, strict=True))
    ]
    rows = tuple(
        (name, str(run.spec.seed), str(epoch), number(loss))
        for (name, run), losses in zip(runs, curves, strict=True)
        for epoch, loss in enumerate(losses, 1)
    )
    step = max(1, math.ceil(max(map(len, curves)) / 10))
    kind = "training" if of_training else "validation"
    return Chart(
        f"curves-{kind}",
        "Mean loss over the rows that are learned from; it should fall."
        if of_training
        else "Loss on rows that are not learned from; where it rises again the run is over-fitting, and it is stopped.",
        f"{kind.capitalize()} loss by epoch of the verified runs",
        figure(traces, xaxis=axis("epoch", dtick=step, tickformat="d"), yaxis=axis(f"{kind} loss", nticks=6)),
        Table(f"{kind.capitalize()} loss by epoch", ("plan", "seed", "epoch", "loss"), rows),
    )


def _kind_words(kinds: Sequence[str]) -> str:
    """What the marks mean, of the kinds that there are."""
    words = [meaning for kind, meaning in _MARKS.items() if kind in kinds]
    return f"{', '.join(words).capitalize()}" + (": compare like with like." if len(words) > 1 else ".")


def _level(one: NamedPlan, costs: Sequence[int]) -> dict[str, object]:
    """A plan without parameters, which a logarithmic axis has no place for, as a level across all sizes."""
    ends = [min(costs, default=1), max(costs, default=1)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{one.name} (full runs)",
        "x": ends,
        "y": finite([one.score, one.score]),
        "line": {"color": PLAN_COLOURS.get(one.name, "@grey"), "width": 1.8, "dash": "dot"},
        "hovertemplate": f"{one.name}<br>0 parameters: %{{y:.4g}}<extra></extra>",
    }


def _gaps(candidates: Sequence[Candidate], trained: Sequence[NamedPlan]) -> dict[str, object]:
    """A line for each trained plan from the score of its cut to that of its full runs."""
    cuts = {one.plan: one.score for one in candidates}
    ends = [(one.cost, cuts[one.plan], one.score) for one in trained if one.cost and one.plan in cuts]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for cost, _, _ in ends for x in (cost, cost, None)],
        "y": finite(y for _, cut, full in ends for y in (cut, full, None)),
        "line": {"color": "@grey", "width": 1.2, "dash": "dot"},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _curve(name: str, seed: int, losses: Sequence[float], *, is_first: bool) -> dict[str, object]:
    colour = PLAN_COLOURS.get(name, "@grey")
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": name,
        "showlegend": is_first,
        "x": list(range(1, len(losses) + 1)),
        "y": finite(losses),
        "line": {"color": colour, "width": 1.6},
        "marker": {"size": 5, "color": colour},
        "hovertemplate": f"{name}, seed {seed}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
    }


def _cloud(
    name: str, points: Sequence[tuple[int, float | None, str]], marker: Mapping[str, object]
) -> dict[str, object]:
    known = [(x, y, plan) for x, y, plan in points if x > 0 and y is not None and math.isfinite(y)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for x, _, _ in known],
        "y": [y for _, y, _ in known],
        "customdata": [plan if len(plan) <= 60 else f"{plan[:59]}…" for _, _, plan in known],
        "marker": marker,
        "hovertemplate": f"{name}<br>%{{x:,}} parameters: %{{y:.4g}}<br>ranks %{{customdata}}<extra></extra>",
    }


def _stage_bands(stages: Sequence[str]) -> list[dict[str, object]]:
    bands = []
    for stage in STAGES:
        if stage in stages:
            start, length = stages.index(stage), stages.count(stage)
            ends = (start + 0.5, start + length + 0.5)
            bands.append(band(ends, (0, 1), _STAGE_COLOURS[stage], yref="paper", opacity=0.09))
    return bands


def _stage_table(trials: Sequence[Trial], stages: Sequence[str], kinds: Sequence[str]) -> Table:
    rows = []
    for stage in STAGES:
        for kind in _SYMBOLS:
            own = [trial for place, trial in enumerate(trials) if (stages[place], kinds[place]) == (stage, kind)]
            if own:
                best = min(trial.outcome.score for trial in own)
                seconds = sum(trial.outcome.seconds for trial in own)
                rows.append((stage, kind, count(len(own)), number(best), f"{seconds:.1f}"))
    columns = ("stage", "kind", "trials", f"best {SEARCH_LOSS}", "seconds")
    return Table("Trials by stage; every single one is listed under Every trial", columns, tuple(rows))


_OUTSIDE = " A few far worse points lie above the frame; the table has them."
