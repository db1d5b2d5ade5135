"""Studies over time to one HTML page: what each found, which layers got ranks, and how each search went."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from darse.amounts import plural
from darse.analysis.history import Step, StudyLine
from darse.analysis.layer_charts import QUANTITIES, layer_axis
from darse.analysis.layers import Layer, LayerPoint, Layers
from darse.names import printable
from darse.report.facts import VERDICT_WORDS
from darse.report.figures import LEGEND, LOSS_SCALE, RANK_SCALE, axis, bar_scale, figure, finite, named_axis, text, tick
from darse.report.key_figures import KeyFigure
from darse.report.page import Page, render_page
from darse.report.parts import ABSENT, Chart, Part, Section, Table
from darse.report.words import count, duration, effect, metric_value, metric_words, number

COLUMNS = (
    "begun (UTC)",
    "name",
    "kind",
    "state",
    "runs",
    "minutes",
    "parameters",
    "verdict",
    "metric",
    "level",
    "best",
)
_MOST_LINES = 12
_COLOURS = ("@accent", "@uniform", "@equal", "@shuffled", "@gold", "@grey", "@better", "@worse")
_DASHES = ("solid", "dash")


def render_history(
    lines: Sequence[StudyLine], steps: Mapping[str, Sequence[Step]], layers: Mapping[str, Layers]
) -> str:
    """The page of some studies; nothing in it is loaded from anywhere.

    Args:
        lines: Of `history_of`.
        steps: Of each study by its id, as `steps_of` gives them.
        layers: Of each study by its id, as `layers_of` gives them.
    """
    return render_page(
        Page(
            title="History – DARSE",
            mark="DARSE history",
            name="History",
            about=f"{plural(len(lines), 'study')}, oldest first.",
            lead="What was spent, and what came of it.",
            figures=_figures(lines),
            sections=history_sections(lines, steps, layers),
        )
    )


def line_rows(lines: Sequence[StudyLine]) -> tuple[tuple[str, ...], ...]:
    """A row for each study, under `COLUMNS`."""
    return tuple(
        (
            day_words(one.created),
            printable(one.name, 60),
            one.kind,
            one.state,
            count(one.runs),
            f"{one.seconds / 60:.1f}",
            ABSENT if one.cost is None else count(one.cost),
            VERDICT_WORDS.get(one.verdict or "", ABSENT),
            ABSENT if one.metric is None else metric_words(one.metric),
            ABSENT if one.level is None or one.metric is None else metric_value(one.level, one.metric),
            "yes" if one.is_best_so_far else "",
        )
        for one in lines
    )


def day_words(seconds: float) -> str:
    """A moment to the minute, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def progress_chart(lines: Sequence[StudyLine], steps: Mapping[str, Sequence[Step]]) -> Chart | None:
    """Lowest loss so far over the minutes of each study, the newest ones; None without a training run."""
    shown = [one for one in lines if steps.get(one.id)][-_MOST_LINES:]
    if not shown:
        return None
    styles = itertools.cycle(itertools.product(_DASHES, _COLOURS))
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": text(f"{day_words(one.created)} {one.name}", 40),
            "x": [step.minutes for step in steps[one.id]],
            "y": [step.best for step in steps[one.id]],
            "line": {"color": colour, "dash": dash, "width": 2, "shape": "hv"},
            "hovertemplate": "%{x:.1f} minutes: %{y:.4g}<extra></extra>",
        }
        for one, (dash, colour) in zip(shown, styles, strict=False)
    ]
    rows = tuple(
        (printable(one.name, 60), str(step.run), f"{step.minutes:.2f}", number(step.loss), number(step.best))
        for one in shown
        for step in steps[one.id]
    )
    return Chart(
        "progress",
        "Each line falls where a training run was better than all before it in its study. Losses of different data are "
        "not comparable.",
        f"Lowest loss so far over minutes, for {plural(len(shown), 'study')}",
        figure(
            traces,
            xaxis=axis("minutes of evaluation", rangemode="tozero", zeroline=False),
            yaxis=axis("lowest validation loss so far", nticks=6),
            legend=LEGEND,
        ),
        Table("Training runs in order", ("study", "run", "minutes", "loss", "lowest so far"), rows),
        height=380,
    )


def layer_charts(lines: Sequence[StudyLine], layers: Mapping[str, Layers]) -> tuple[Chart, ...]:
    """Rank, gain and training of each layer, one row a study: of the studies with the most usual number of layers.

    A quantity that no study knows has no chart.

    Args:
        lines: Of `history_of`.
        layers: Of each study by its id, as `layers_of` gives them.
    """
    known = [one for one in lines if layers.get(one.id) and layers[one.id].layers]
    widths = [len(layers[one.id].layers) for one in known]
    if not widths:
        return ()
    width = max(set(widths), key=lambda one: (widths.count(one), one))
    shown = [one for one in known if len(layers[one.id].layers) == width]
    charts = [_layer_chart(shown, layers, quantity) for quantity in _QUANTITIES]
    return tuple(chart for chart in charts if chart is not None)


@dataclass(frozen=True, slots=True)
class _Followed:
    """A figure of a layer that is followed over studies."""

    name: str
    title: str
    caption: str
    value: Callable[[Layer], float | None]


def _last(value: Callable[[LayerPoint], float]) -> Callable[[Layer], float | None]:
    return lambda layer: None if layer.last is None else value(layer.last)


_QUANTITIES = (
    _Followed(
        "ranks",
        "rank",
        "A column that stands out in every row is a layer that every study wants.",
        lambda layer: float(layer.rank),
    ),
    _Followed(
        "gains",
        "loss added by leaving out",
        "What each layer alone was worth; below zero the model did better without it.",
        lambda layer: None if layer.gain is None else layer.gain.loss,
    ),
    *(_Followed(one.name, one.title, f"After the last epoch. {one.caption}", _last(one.value)) for one in QUANTITIES),
)


def _layer_chart(lines: Sequence[StudyLine], layers: Mapping[str, Layers], followed: _Followed) -> Chart | None:
    cells = [[followed.value(layer) for layer in layers[one.id].layers] for one in lines]
    values = [value for row in cells for value in row if value is not None]
    if not values:
        return None
    names = [f"{day_words(one.created)} {printable(one.name, 30)}" for one in lines]
    places = [str(place) for place in range(len(cells[0]))]
    largest = max(map(abs, values)) or 1.0
    trace = {
        "type": "heatmap",
        "z": [finite(row) for row in cells],
        "zmin": -largest if min(values) < 0 else 0,
        "zmax": largest,
        "xgap": 2 if len(places) <= 32 else 1,
        "ygap": 2,
        "colorscale": LOSS_SCALE if min(values) < 0 else RANK_SCALE,
        "colorbar": bar_scale(followed.title),
        "customdata": [[tick(name)] * len(places) for name in names],
        "hovertemplate": "%{customdata}, layer %{x}: %{z:.4g}<extra></extra>",
        "hoverongaps": False,
    }
    rows = tuple((name, *map(number, row)) for name, row in zip(names, cells, strict=True))
    return Chart(
        followed.name,
        f"Layers from input to output, studies from old to new. {followed.caption}",
        f"Heat-map of the {followed.title} of {len(places)} layers in {plural(len(lines), 'study')}",
        figure(
            [trace],
            xaxis=layer_axis(places),
            yaxis=named_axis("", names, autorange="reversed", showgrid=False),
        ),
        Table(f"{followed.title.capitalize()} by layer", ("study", *places), rows),
        height=150 + 34 * len(lines),
    )


def _figures(lines: Sequence[StudyLine]) -> tuple[KeyFigure, ...]:
    ended = [one for one in lines if one.verdict is not None]
    figures = [
        KeyFigure("Studies", count(len(lines)), f"{len(ended)} with a verdict"),
        KeyFigure("Training runs", count(sum(one.runs for one in lines)), "failed ones included"),
        KeyFigure("Spent", duration(sum(one.seconds for one in lines)), "seconds of evaluation"),
    ]
    best = [one for one in lines if one.is_best_so_far]
    if best:
        last = best[-1]
        assert last.metric is not None
        assert last.level is not None
        note = f"{metric_words(last.metric)}, {printable(last.name, 60)}"
        figures.append(KeyFigure("Best so far", metric_value(last.level, last.metric), note))
    return tuple(figures)


def history_sections(
    lines: Sequence[StudyLine], steps: Mapping[str, Sequence[Step]], layers: Mapping[str, Layers]
) -> tuple[Section, ...]:
    """The same, as the sections of a page; the arguments are those of `render_history`."""
    table = Table("Every study", COLUMNS, line_rows(lines), True)
    lead = "Best so far: better than every earlier study of the same data in the same metric."
    parts: list[Part] = [table]
    sections = [Section("studies", "Studies", lead, tuple(parts))]
    compared = tuple(
        (
            day_words(one.created),
            printable(one.name, 60),
            effect(one.effect, one.metric) if one.effect is not None and one.metric else ABSENT,
            number(one.noise_floor),
            number(one.proxy_correlation, 3),
        )
        for one in lines
        if one.verdict is not None
    )
    if compared:
        columns = ("begun (UTC)", "name", "better than best uniform by", "noise floor (loss)", "proxy correlation")
        quality = Table("How far to rely on each", columns, compared, True)
        sections.append(Section("quality", "How sure", "Effects, noise, and how well cuts ranked plans.", (quality,)))
    if charts := layer_charts(lines, layers):
        sections.append(Section("layers", "Layers over time", "Study by study, the same layer below itself.", charts))
    if (progress := progress_chart(lines, steps)) is not None:
        sections.append(Section("progress", "How each search went", "Run by run.", (progress,)))
    return tuple(sections)
