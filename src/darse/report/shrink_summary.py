"""A shrunk adapter to the lines that a terminal shows at the end."""

from __future__ import annotations

from darse.amounts import plural
from darse.names import printable
from darse.ranks.plan import RankPlan
from darse.report.summary import control_lines, fit, plan_bars, wrapped
from darse.report.words import better, count, metric_value, metric_words, percent
from darse.shrink.result import Shrunk

METHODS = {
    "cut": "cut by SVD alone, nothing was trained",
    "recovered": "cut by SVD, then trained on for a short while",
    "uncut": "left as it was, since nothing smaller holds on validation",
}


def shrink_lines(result: Shrunk) -> list[str]:
    """The verdict, the ranks, the sizes and the quality, in at most 78 columns of plain text."""
    plan, modules = result.plan, result.modules
    if len(result.sites) < len(modules):
        # one rank for each site, that of its module of the highest rank
        ranks = dict(zip((one.weights[0].name for one in modules), plan, strict=True))
        plan = RankPlan.of(max(ranks[weight.name] for weight in site.weights) for site in result.sites)
        modules = result.sites
    return [
        *wrapped(result.verdict.sentence),
        "",
        f"Ranks of {fit(printable(result.adapter, 60), 60)}:",
        *plan_bars(plan, modules),
        "",
        *_figures(result),
        "",
        *control_lines(result.verdict, "the cut adapter"),
    ]


def _figures(result: Shrunk) -> list[str]:
    metric = result.verdict.metric
    saved = percent(result.stored_cost - result.cost, result.stored_cost)
    now, before = result.quality.test[metric], result.uncut["test"][metric]
    rows = [
        ("Adapter parameters", f"{count(result.cost)} of {count(result.stored_cost)}, {saved} saved"),
        ("Head", f"{count(result.origin.head_parameters)} parameters, kept"),
        (
            f"Test {metric_words(metric)}",
            f"{metric_value(now, metric)}, uncut {metric_value(before, metric)} ({better(metric)} is better)",
        ),
        ("How", METHODS[result.method] + (f" ({plural(result.seeds, 'run')})" if result.seeds else "")),
    ]
    width = max(len(name) for name, _ in rows)
    return [line for name, value in rows for line in wrapped(f"{name:<{width}}  {value}", " " * (width + 2))]
