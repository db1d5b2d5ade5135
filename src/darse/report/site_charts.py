"""What each site is worth, as charts: leaving it out, and cutting it to each rank."""

from __future__ import annotations

import math
from collections.abc import Sequence

from darse.ranks.plan import Site
from darse.report.figures import LOSS_SCALE, axis, bar_scale, figure, finite, named_axis, site_axis, text
from darse.report.parts import NOT_MEASURED, Chart, Table
from darse.report.words import listed, measured, number
from darse.search.sensitivity import Sensitivity, SiteLoss

_NAMED_GAPS = 16


def left_out_chart(sensitivity: Sensitivity, sites: Sequence[Site]) -> Chart | None:
    """Loss added by leaving out each site alone, with intervals; None where none was measured."""
    every = sorted((one for one in sensitivity.losses if one.rank == 0), key=lambda one: one.site)
    losses = [one for one in every if math.isfinite(one.loss)]
    if not losses:
        return None
    known = {one.site for one in losses}
    missing = [place for place in range(len(sites)) if place not in known]
    bars = {
        "type": "data",
        "symmetric": False,
        "array": finite(one.high - one.loss for one in losses),
        "arrayminus": finite(one.loss - one.low for one in losses),
        "color": "@accent",
        "thickness": 2 if len(sites) <= 32 else 1.2,
        "width": 4 if len(sites) <= 32 else 0,
    }
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [one.site for one in losses],
        "y": finite(one.loss for one in losses),
        "error_y": bars,
        "marker": {"size": 9 if len(sites) <= 32 else 6, "color": "@accent"},
        "text": [
            f"{text(sites[one.site].name)}: {one.loss:+.4g} [{one.low:+.4g} to {one.high:+.4g}]" for one in losses
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    y = axis("loss added", zeroline=True, zerolinecolor="@soft", nticks=6)
    return Chart(
        "left-out",
        "How much the validation loss grows when this site alone loses its rank, with the 95 % interval over examples. "
        "An interval that spans zero: leaving it out is not shown to cost anything."
        + (f" Not measured: {listed([sites[place].name for place in missing])}." if missing else ""),
        f"Loss added by leaving out {f'{len(losses)} of' if missing else 'each of'} {len(sites)} sites, with intervals",
        figure(
            [trace],
            xaxis=site_axis(sites),
            yaxis=y,
            showlegend=False,
            annotations=[_gap(place) for place in missing] if len(sites) <= _NAMED_GAPS else [],
        ),
        _table("Loss added by leaving a site out", every, sites),
    )


def cut_chart(sensitivity: Sensitivity, sites: Sequence[Site], *, noise: float) -> Chart | None:
    """Loss added by cutting each site alone to each rank; None where only leaving out was measured."""
    cells = [one for one in sensitivity.losses if math.isfinite(one.loss)]
    ranks = sorted({one.rank for one in cells})
    if ranks in ([], [0]):
        return None
    table = {(one.rank, one.site): one.loss for one in cells}
    blank = len(ranks) * len(sites) - len(cells)
    values = [finite(table.get((rank, site)) for site in range(len(sites))) for rank in ranks]
    largest = max(noise, *map(abs, table.values())) or 1.0
    trace = {
        "type": "heatmap",
        "z": values,
        "zmin": -largest,
        "zmax": largest,
        "xgap": 2 if len(sites) <= 32 else 1,
        "ygap": 2,
        "colorscale": LOSS_SCALE,
        "colorbar": bar_scale("loss added"),
        "customdata": [[text(site.name) for site in sites] for _ in ranks],
        "text": [[str(rank)] * len(sites) for rank in ranks],
        "hovertemplate": "%{customdata} cut to rank %{text}: %{z:+.4g}<extra></extra>",
    }
    rows = sorted(sensitivity.losses, key=lambda one: (one.site, one.rank))
    return Chart(
        "cuts",
        "Each cell cuts one site alone to the rank of its row. The bottom row leaves it out. The colour of zero "
        "costs nothing; the scale reaches at least to the noise of the seed."
        + (" Blank cells were not measured." if blank else ""),
        "Heat-map of the loss added by cutting "
        + (
            f"one site at a time: {len(cells)} cells measured, {blank} not"
            if blank
            else f"each of {len(sites)} sites to each of {len(ranks)} ranks"
        ),
        figure([trace], xaxis=site_axis(sites), yaxis=named_axis("cut to rank", map(str, ranks), showgrid=False)),
        _table("Loss added by cutting a site to a rank", rows, sites),
        height=150 + 40 * len(ranks),
    )


def _gap(site: int) -> dict[str, object]:
    return {
        "x": site,
        "y": 0.5,
        "yref": "paper",
        "text": NOT_MEASURED,
        "textangle": -90,
        "showarrow": False,
        "font": {"size": 11, "color": "@soft"},
    }


def _table(caption: str, losses: Sequence[SiteLoss], sites: Sequence[Site]) -> Table:
    rows = tuple(
        (sites[one.site].name, str(one.rank), measured(one.loss), number(one.low), number(one.high)) for one in losses
    )
    return Table(caption, ("site", "rank", "loss added", "low", "high"), rows, True)
