"""Classes as charts: how often they stand in the data, and how they are confused on test."""

from __future__ import annotations

from darse.data.example import DataCheck, Task
from darse.evaluate.metrics import ClassReport
from darse.report.figures import RANK_SCALE, axis, figure, named_axis, text
from darse.report.parts import Chart, Table
from darse.report.words import count, percent

_SPLIT_COLOURS = {"train": "@accent", "valid": "@gold", "test": "@equal"}


def balance_chart(check: DataCheck) -> Chart:
    """Rows of each class, by split."""
    names = list(next(iter(check.class_counts.values())))
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": text(split),
            "x": [counts[name] for name in names],
            "y": list(range(len(names))),
            "marker": {"color": _SPLIT_COLOURS.get(split, "@grey")},
            "text": [text(name) for name in names],
            "textposition": "none",
            "hovertemplate": "%{text}: %{x:,} rows<extra>%{fullData.name}</extra>",
        }
        for split, counts in check.class_counts.items()
    ]
    totals = {name: sum(counts[name] for counts in check.class_counts.values()) for name in names}
    every = sum(totals.values())
    rows = tuple(
        (name, *(count(counts[name]) for counts in check.class_counts.values()), percent(totals[name], every))
        for name in names
    )
    return Chart(
        "balance",
        "Rows of each class, the splits one after another; a class with few rows is learned and judged badly.",
        f"Bar chart of the rows of {len(names)} classes by split",
        figure(
            traces,
            barmode="stack",
            bargap=0.35,
            xaxis=axis("rows", nticks=6, zeroline=False),
            yaxis=named_axis("", names, autorange="reversed", showgrid=False),
        ),
        Table("Rows by class and split", ("class", *check.class_counts, "share of all"), rows),
        height=120 + 40 * len(names),
    )


def confusion_chart(report: ClassReport, task: Task) -> Chart:
    """True classes against predicted ones, shaded by their part of the true class."""
    totals = [max(1, sum(row)) for row in report.confusion]
    shares = [[cell / total for cell in row] for row, total in zip(report.confusion, totals, strict=True)]
    names = [text(name) for name in task.classes]
    trace = {
        "type": "heatmap",
        "z": shares,
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "colorscale": RANK_SCALE,
        "showscale": False,
        "text": [list(map(str, row)) for row in report.confusion],
        "texttemplate": "%{text}",
        "customdata": [[[true, guess] for guess in names] for true in names],
        "hovertemplate": "true %{customdata[0]}, predicted %{customdata[1]}: %{text} rows<extra></extra>",
    }
    rows = tuple((name, *map(str, row)) for name, row in zip(task.classes, report.confusion, strict=True))
    return Chart(
        "confusion",
        "Rows are true classes, columns predicted ones, numbers are test rows; the diagonal is right. The shade is the "
        "share of the true class.",
        f"Confusion matrix of {len(names)} classes on test",
        figure(
            [trace],
            xaxis=named_axis("predicted", task.classes, showgrid=False),
            yaxis=named_axis("true", task.classes, autorange="reversed", showgrid=False),
        ),
        Table("Test rows by true (down) and predicted (across) class", ("true class", *task.classes), rows),
        height=min(900, 110 + 48 * len(names)),
    )
