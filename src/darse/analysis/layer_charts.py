"""Layers to charts: what each rank is worth over all trials, and what each layer did while it was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darse.analysis.importance import Importances
from darse.analysis.layers import Layer, LayerPoint
from darse.report.figures import RANK_SCALE, axis, bar_scale, figure, finite, named_axis, text, whole_ticks
from darse.report.parts import ABSENT, Chart, Table
from darse.report.words import number

_NAMED = 12


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure that is followed over training.

    Attributes:
        name: Unique on a page.
        title: What people call it.
        caption: How to read it.
        value: It, of a layer after an epoch.
    """

    name: str
    title: str
    caption: str
    value: Callable[[LayerPoint], float]


QUANTITIES = (
    Quantity(
        "updates",
        "norm of the update",
        "How far the pairs of a layer have moved its weights (Frobenius norm of their updates). A layer that hardly "
        "moves hardly uses its rank.",
        lambda point: point.update,
    ),
    Quantity(
        "gradients",
        "norm of the gradient",
        "How hard the loss pulled at a layer's pairs: mean over the steps of an epoch, after clipping.",
        lambda point: point.gradient,
    ),
    Quantity(
        "directions",
        "effective rank",
        "How many directions an update really has (exp of the entropy of its shares of energy, Roy and Vetterli "
        "2007), the mean over a layer's pairs. Far below the rank: part of the rank is idle.",
        lambda point: point.effective_rank,
    ),
)


def training_chart(layers: Sequence[Layer], quantity: Quantity) -> Chart | None:
    """A quantity by layer and epoch; None where no trace is kept."""
    epochs = sorted({point.epoch for layer in layers for point in layer.points})
    if not epochs:
        return None
    table = [{point.epoch: quantity.value(point) for point in layer.points} for layer in layers]
    cells = [finite(one.get(epoch) for one in table) for epoch in epochs]
    trace = {
        "type": "heatmap",
        "z": cells,
        "zmin": 0,
        "zmax": max((value for row in cells for value in row if value is not None), default=0.0) or 1.0,
        "xgap": 2 if len(layers) <= 32 else 1,
        "ygap": 2,
        "colorscale": RANK_SCALE,
        "colorbar": bar_scale(quantity.title),
        "customdata": [[text(layer.name) for layer in layers] for _ in epochs],
        "text": [[str(epoch)] * len(layers) for epoch in epochs],
        "hovertemplate": "%{customdata}, epoch %{text}: %{z:.4g}<extra></extra>",
        "hoverongaps": False,
    }
    rows = tuple(
        (layer.name, *(number(one.get(epoch)) for epoch in epochs)) for layer, one in zip(layers, table, strict=True)
    )
    return Chart(
        quantity.name,
        f"{quantity.caption} Blank: no pair there.",
        f"Heat-map of the {quantity.title} of {len(layers)} layers over {len(epochs)} epochs",
        figure(
            [trace],
            xaxis=layer_axis([layer.name for layer in layers]),
            yaxis=named_axis("epoch", map(str, epochs), showgrid=False),
        ),
        Table(f"{quantity.title.capitalize()} by layer and epoch", ("layer", *map(str, epochs)), rows),
        height=130 + 34 * min(len(epochs), 12),
    )


def importance_chart(found: Importances, names: Sequence[str]) -> Chart:
    """What each site's rank is worth, with intervals."""
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [one.site for one in found.sites],
        "y": finite(one.worth for one in found.sites),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": finite(one.high - one.worth for one in found.sites),
            "arrayminus": finite(one.worth - one.low for one in found.sites),
            "color": "@accent",
            "thickness": 2 if len(names) <= 32 else 1.2,
            "width": 4 if len(names) <= 32 else 0,
        },
        "marker": {"size": 9 if len(names) <= 32 else 6, "color": "@accent"},
        "text": [
            f"{text(names[one.site])}: {one.worth:+.4g} [{one.low:+.4g} to {one.high:+.4g}]" for one in found.sites
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    rows = tuple((names[one.site], number(one.worth), number(one.low), number(one.high)) for one in found.sites)
    return Chart(
        "importance",
        "Loss saved each time 1 + rank doubles, by a ridge regression over all trials, with its 95 % bootstrap "
        "interval over trials. An interval that spans zero: the trials do not show that rank there is worth anything.",
        f"What the rank of each of {len(names)} sites is worth, with intervals",
        figure(
            [trace],
            xaxis=layer_axis(names),
            yaxis=axis("loss saved per doubling", zeroline=True, zerolinecolor="@soft", nticks=6),
        ),
        Table("Loss saved per doubling of 1 + rank", ("site", "worth", "low", "high"), rows, True),
    )


def layer_axis(names: Sequence[str]) -> dict[str, object]:
    """An axis over layers: their names if they are few, else their places."""
    title = "from input to output"
    if len(names) <= _NAMED:
        return named_axis(title, names, showgrid=False)
    return axis(title, zeroline=False, showgrid=False, tickangle=0, **whole_ticks(len(names)))


def last_words(layer: Layer, quantity: Quantity) -> str:
    """A quantity after the last epoch, as text."""
    return ABSENT if layer.last is None else number(quantity.value(layer.last), 3)
