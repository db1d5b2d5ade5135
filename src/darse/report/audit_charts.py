"""An audit to its charts: effective ranks over layers and modules, and how energy is gathered over ranks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from darse.evaluate.losses import Floats
from darse.model.audit import Audit, ModuleAudit
from darse.report.figures import RANK_SCALE, axis, bar_scale, figure, named_axis, text, whole_ticks
from darse.report.parts import ABSENT, Chart, Table
from darse.report.verdict_charts import short_names

_COLOURS = ("@accent", "@uniform", "@equal", "@shuffled", "@gold", "@grey", "@better", "@worse")
_DASHES = ("solid", "dash", "dot")


def rank_map(audit: Audit) -> Chart:
    """Effective rank by layer and module."""
    parts, layers = audit.parts(), [layer for layer in audit.by_layer() if layer is not None] or [0]
    table = {(one.part, one.layer): one for one in audit.modules}
    names = [text(name) for name in short_names(parts)]
    columns = range(min(layers), max(layers) + 1)
    cells = [[table.get((part, layer)) or table.get((part, None)) for layer in columns] for part in parts]
    trace = {
        "type": "heatmap",
        "x": list(columns),
        "z": [[None if one is None else round(one.effective_rank, 2) for one in row] for row in cells],
        "zmin": 0,
        "zmax": max(one.rank for one in audit.modules),
        "xgap": 2 if len(columns) <= 32 else 1,
        "ygap": 2,
        "colorscale": RANK_SCALE,
        "colorbar": bar_scale("effective rank"),
        "text": [["" if one is None else text(_told(one), 200) for one in row] for row in cells],
        "hovertemplate": "%{text}<extra></extra>",
        "hoverongaps": False,
    }
    rows = tuple(
        (name, *(ABSENT if one is None else f"{one.effective_rank:.1f}" for one in row))
        for name, row in zip(names, cells, strict=True)
    )
    return Chart(
        "ranks",
        "A row for each kind of module, a column for each layer. Effective rank is exp of the entropy of the shares of "
        "energy (Roy and Vetterli 2007): 1 is a single direction. Blank cells have no pair.",
        f"Heat-map of the effective rank of {len(audit.modules)} modules",
        figure(
            [trace],
            xaxis=axis("layer (0 is nearest the input)", zeroline=False, showgrid=False, **whole_ticks(len(columns))),
            yaxis=named_axis("", short_names(parts), autorange="reversed", showgrid=False),
        ),
        Table("Effective rank by module and layer", ("module", *map(str, columns)), rows),
        height=130 + 34 * len(parts),
    )


def spectra_chart(audit: Audit) -> Chart:
    """Share of the energy that the first ranks hold, the median over the layers for each kind of module."""
    parts, depth = audit.parts(), max(len(one.values) for one in audit.modules)
    curves = [np.median([_gathered(one, depth) for one in audit.modules if one.part == part], axis=0) for part in parts]
    styles = itertools.cycle(itertools.product(_DASHES, _COLOURS))
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if depth <= 16 else "lines",
            "name": text(name),
            "x": list(range(1, depth + 1)),
            "y": [round(float(value), 5) for value in curve],
            "line": {"color": colour, "dash": dash, "width": 2},
            "marker": {"color": colour, "size": 5},
            "hovertemplate": f"{text(name)}: %{{y:.1%}} in rank %{{x}}<extra></extra>",
        }
        for name, curve, (dash, colour) in zip(short_names(parts), curves, styles, strict=False)
    ]
    ranks = _shown(depth)
    rows = tuple(
        (text(name), *(f"{100 * curve[rank - 1]:.1f} %" for rank in ranks))
        for name, curve in zip(short_names(parts), curves, strict=True)
    )
    return Chart(
        "spectra",
        "Up and left is easier to cut: the energy is in few ranks. Each line is the median over the layers.",
        f"Share of the energy over the rank, for {len(parts)} kinds of modules",
        figure(
            traces,
            xaxis=axis("rank kept", **whole_ticks(depth, first=1), zeroline=False),
            yaxis=axis("share of the energy", tickformat=".0%", range=[0, 1.03], zeroline=False),
        ),
        Table("Share of the energy by rank kept", ("module", *map(str, ranks)), rows),
        height=400,
    )


def _gathered(one: ModuleAudit, depth: int) -> Floats:
    kept = np.cumsum(np.square(np.pad(one.values, (0, depth - len(one.values)))))
    shares: Floats = kept / kept[-1] if kept[-1] else np.ones(depth)
    return shares


def _shown(depth: int) -> Sequence[int]:
    return [*(1 << power for power in range(depth.bit_length()) if 1 << power < depth), depth]


def _told(one: ModuleAudit) -> str:
    return f"{one.name}: effective rank {one.effective_rank:.1f} of {one.rank}, norm {one.frobenius_norm:.4g}"
