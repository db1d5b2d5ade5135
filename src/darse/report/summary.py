"""A result to the lines that a terminal shows at the end of a study."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from darse.names import printable
from darse.ranks.plan import RankPlan, Site
from darse.report.key_figures import key_figures
from darse.report.remarks import cautions
from darse.report.words import count, effect, layer_numbers, metric_words
from darse.search.result import Result
from darse.search.verdict import Verdict

WIDTH = 78
_BAR = 32
_MANY_SITES = 48


def summary_lines(result: Result) -> list[str]:
    """The verdict, the plan, the key figures and the controls, in at most 78 columns of plain text."""
    blocks = [
        wrapped(result.verdict.sentence),
        *([_cautions(result)] if cautions(result) else []),
        [f"Plan of {fit(printable(result.name, 60), 60)}:", *plan_bars(result.plan, result.sites)],
        _figures(result),
        *([control_lines(result.verdict)] if result.verdict.controls else []),
    ]
    return [line for place, block in enumerate(blocks) for line in ([""] if place else []) + block]


def fit(text: str, width: int) -> str:
    """Text cut to a number of columns; wide characters count twice.

    >>> fit("abcdef", 4), fit("ab", 4)
    ('abc…', 'ab')
    """
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def wrapped(text: str, indent: str = "") -> list[str]:
    """Text from anywhere in lines that fit."""
    return textwrap.wrap(printable(text, 2000), WIDTH, subsequent_indent=indent, break_long_words=True)


def _cautions(result: Result) -> list[str]:
    return [line for sentence in cautions(result) for line in wrapped(f"! {sentence}", "  ")]


def plan_bars(plan: RankPlan, sites: Sequence[Site]) -> list[str]:
    """A bar for each site, or for each layer where there are too many sites."""
    if len(sites) <= _MANY_SITES or layer_numbers(sites):
        rows = [
            (fit(printable(site.name, 40), 28), rank, f"rank {rank}") for site, rank in zip(sites, plan, strict=True)
        ]
    else:
        rows = [(f"layer {layer}", size, f"{size:,} parameters") for layer, size in _sizes(plan, sites).items()]
    top = max(1, *(amount for _, amount, _ in rows))
    width = max(cell_len(name) for name, _, _ in rows)
    return [
        f"  {set_cell_size(name, width)}  {'#' * _bar(amount, top):<{_BAR}}  {words}".rstrip()
        for name, amount, words in rows
    ]


def _bar(amount: int, top: int) -> int:
    return max(round(_BAR * amount / top), 1 if amount else 0)


def _sizes(plan: RankPlan, sites: Sequence[Site]) -> dict[int, int]:
    """Parameters by layer."""
    sizes: dict[int, int] = {}
    for site, rank in zip(sites, plan, strict=True):
        for weight in site.weights:
            sizes[weight.layer] = sizes.get(weight.layer, 0) + rank * weight.unit_cost
    return dict(sorted(sizes.items()))


def _figures(result: Result) -> list[str]:
    figures = key_figures(result)
    width = max(len(figure.label) for figure in figures)
    lines = []
    for figure in figures:
        line = f"{figure.label:<{width}}  {figure.value}"
        lines += textwrap.wrap(f"{line}  ({figure.note})", WIDTH, subsequent_indent=" " * (width + 2))
    return lines


def control_lines(verdict: Verdict, ours: str = "the found plan") -> list[str]:
    """The controls of a verdict, with effect and interval."""
    metric = verdict.metric
    unit = f"points of {metric_words(metric)}" if metric == "accuracy" else metric_words(metric)

    def bare(value: float) -> str:
        return effect(value, metric).removesuffix(" points")

    heads = ("against", "parameters", "seeds", "effect", "95 % interval")
    rows = [
        (one.name, count(one.cost), str(one.seeds), bare(one.effect), f"{bare(one.low)} to {bare(one.high)}")
        for one in verdict.controls
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(("", f"{row[0]:<{widths[0]}}", *(f"{row[n]:>{widths[n]}}" for n in (1, 2, 3)), row[4]))
        for row in (heads, *rows)
    ]
    return [*wrapped(f"Effect in {unit} on {verdict.split}; above zero {ours} is better:"), *lines]
