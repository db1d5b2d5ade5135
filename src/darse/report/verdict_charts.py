"""The verdict as charts: the effect of every control, and the ranks of the plans side by side."""

from __future__ import annotations

from collections.abc import Sequence

from darse.amounts import plural
from darse.ranks.plan import Site
from darse.report.facts import NamedPlan
from darse.report.figures import (
    RANK_SCALE,
    axis,
    band,
    bar_scale,
    figure,
    finite,
    named_axis,
    site_axis,
    text,
    whole_ticks,
)
from darse.report.parts import Chart, Table
from darse.report.theme import PLAN_COLOURS
from darse.report.words import count, effect, layer_numbers, metric_words, number
from darse.search.verdict import ControlEffect, Verdict

_NUMBERED_COLUMNS = 32


def effect_chart(verdict: Verdict) -> Chart:
    """A forest plot: the effect against each control with its interval and the margin."""
    controls, scale = verdict.controls, 100 if verdict.metric == "accuracy" else 1
    unit = "points of accuracy" if verdict.metric == "accuracy" else metric_words(verdict.metric)
    traces = [_effect_trace(one, place, scale) for place, one in enumerate(controls)]
    margins = [
        band(
            (-scale * one.margin, 0),
            (place - 0.32, place + 0.32),
            "@gold",
            opacity=0.2,
            name="margin that still counts as not worse",
            showlegend=place == 0,
        )
        for place, one in enumerate(controls)
    ]
    zero = {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper", "line": {"color": "@soft", "width": 1}}
    compared = figure(
        traces,
        shapes=[*margins, zero],
        xaxis=axis(f"← worse · better →<br>{unit}", zeroline=False, nticks=7, tickangle=0),
        yaxis=named_axis("", [one.name for one in controls], range=[len(controls) - 0.5, -0.5], showgrid=False),
        showlegend=True,
    )
    return Chart(
        "effects",
        "A dot is the effect against one control, its line the 95 % interval. Right of zero the found plan is better. "
        "An interval wholly right of the shaded margin means: not worse. One that spans zero: no difference shown.",
        f"Forest plot of the effect against {plural(len(controls), 'control')}",
        compared,
        _effect_table(verdict),
        height=130 + 64 * len(controls),
    )


def rank_chart(plans: Sequence[NamedPlan], sites: Sequence[Site]) -> Chart:
    """A heat-map of rank by site, a row for each plan."""
    shown = [list(one.plan) for one in plans]
    trace = {
        "type": "heatmap",
        "z": shown,
        "xgap": 2 if len(sites) <= _NUMBERED_COLUMNS else 1,
        "ygap": 8,
        "zmin": 0,
        "zmax": max(1, *(max(one.plan) for one in plans)),
        **_scale(len(sites)),
        "customdata": [[[text(one.name), text(site.name)] for site in sites] for one in plans],
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}: rank %{z}<extra></extra>",
    }
    names = [one.name for one in plans]
    return Chart(
        "ranks",
        "The stronger the colour, the higher the rank; 0 leaves the site as the base model has it.",
        f"Heat-map of the rank of {len(sites)} sites in the found plan"
        + (f" and {plural(len(plans) - 1, 'control')}" if len(plans) > 1 else ""),
        figure([trace], xaxis=site_axis(sites), yaxis=named_axis("", names, autorange="reversed", showgrid=False)),
        Table(
            "Rank by site",
            ("site", *names),
            tuple((site.name, *(str(one.plan[place]) for one in plans)) for place, site in enumerate(sites)),
        ),
        height=80 + 52 * len(plans),
    )


def module_chart(plan: NamedPlan, sites: Sequence[Site]) -> Chart | None:
    """A heat-map of rank by module and layer; None where the sites are no single modules of numbered layers."""
    places = _module_places(sites)
    if places is None:
        return None
    modules = list(dict.fromkeys(module for module, _ in places))
    depth = max(layer for _, layer in places) + 1
    ranks: list[list[int | None]] = [[None] * depth for _ in modules]
    for (module, layer), rank in zip(places, plan.plan, strict=True):
        ranks[modules.index(module)][layer] = rank
    trace = {
        "type": "heatmap",
        "z": ranks,
        "xgap": 2,
        "ygap": 2,
        "zmin": 0,
        "zmax": max(1, *plan.plan),
        **_scale(depth),
        "customdata": [[text(module)] * depth for module in modules],
        "hovertemplate": "layer %{x}, %{customdata}: rank %{z}<extra></extra>",
    }
    title = "layer (0 is nearest the input)"
    layers = axis(title, zeroline=False, showgrid=False, tickangle=0, **whole_ticks(depth))
    rows = tuple(
        (module, *("" if rank is None else str(rank) for rank in row))
        for module, row in zip(modules, ranks, strict=True)
    )
    return Chart(
        f"modules-{plan.name.replace(' ', '-')}",
        f"{plan.name.capitalize()}: a row for each kind of module, a column for each layer; 0 is no adapter.",
        f"Heat-map of the rank of {len(modules)} modules in {depth} layers of the {plan.name}",
        figure([trace], xaxis=layers, yaxis=named_axis("", short_names(modules), autorange="reversed", showgrid=False)),
        Table(f"Rank by module and layer of the {plan.name}", ("module", *map(str, range(depth))), rows),
        height=80 + 36 * len(modules),
    )


def _scale(columns: int) -> dict[str, object]:
    """Colours of ranks, with the numbers in the cells where they fit and a scale beside them where not."""
    if columns <= _NUMBERED_COLUMNS:
        return {"colorscale": RANK_SCALE, "texttemplate": "%{z}", "showscale": False}
    return {"colorscale": RANK_SCALE, "colorbar": bar_scale("rank")}


def _effect_trace(one: ControlEffect, place: int, scale: float) -> dict[str, object]:
    colour = PLAN_COLOURS.get(one.name, "@grey")
    middle, high, low = finite([scale * one.effect, scale * (one.high - one.effect), scale * (one.effect - one.low)])
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [middle],
        "y": [place],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high],
            "arrayminus": [low],
            "color": colour,
            "thickness": 2.5,
            "width": 6,
        },
        "marker": {"size": 11, "color": colour},
        "showlegend": False,
        "text": [f"{text(one.name)}<br>{scale * one.effect:+.4g} [{scale * one.low:+.4g} to {scale * one.high:+.4g}]"],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _effect_table(verdict: Verdict) -> Table:
    metric = verdict.metric
    return Table(
        f"Effect in {metric_words(metric)} on {verdict.split}; above zero the found plan is better",
        ("control", "parameters", "effect", "low", "high", "margin", "seeds", "judgement"),
        tuple(
            (
                one.name,
                count(one.cost),
                effect(one.effect, metric),
                effect(one.low, metric),
                effect(one.high, metric),
                number(100 * one.margin, 3) + " points" if metric == "accuracy" else number(one.margin, 3),
                str(one.seeds),
                _judgement(one),
            )
            for one in verdict.controls
        ),
    )


def _judgement(one: ControlEffect) -> str:
    if one.is_better:
        return "better"
    if one.is_worse:
        return "worse"
    return "not worse" if one.is_not_worse else "not shown"


def _module_places(sites: Sequence[Site]) -> list[tuple[str, int]] | None:
    """Kind of module and layer of every site."""
    if layer_numbers(sites) or any(len(site.weights) != 1 for site in sites):
        return None
    places = []
    for site in sites:
        layer = site.weights[0].layer
        module = site.name.removeprefix(f"layer {layer} ")
        if module == site.name:
            return None
        places.append((module, layer))
    return places if len(set(places)) == len(places) else None


def short_names(modules: Sequence[str]) -> list[str]:
    """Each module's name from its last parts, as many as tell it from the others; `dense` says nothing."""
    stripped = [module.removesuffix(".dense") for module in modules]
    modules, short = (stripped if len(set(stripped)) == len(modules) else modules), []
    for module in modules:
        parts = module.split(".")
        tails = (".".join(parts[-size:]) for size in range(1, len(parts) + 1))
        unique = (tail for tail in tails if sum(f".{other}".endswith(f".{tail}") for other in modules) == 1)
        short.append(next(unique, module))
    return short
