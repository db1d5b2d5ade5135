"""Some studies to a page that sets them side by side: what was found, how they differ, and their ranks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from darse.amounts import plural
from darse.errors import DarseError
from darse.names import printable
from darse.report.facts import NamedPlan, verdict_words
from darse.report.figures import axis, figure, text
from darse.report.key_figures import key_figures
from darse.report.parts import ABSENT, Chart, Notes, Part, Section, Table
from darse.report.verdict_charts import rank_chart
from darse.report.words import count, metric_value, metric_words
from darse.search.identity import described
from darse.search.result import Result
from darse.ui.form import Form
from darse.ui.query import Query
from darse.ui.shelf import Shelf
from darse.ui.studies_page import Line, lines_of
from darse.ui.subject import Library, Subject

MOST = 6
"""Studies side by side; more would not be read."""
_MOST_OFFERED = 200
_COLOURS = ("@accent", "@uniform", "@equal", "@shuffled", "@gold", "@grey")


def compare_form(shelf: Shelf, query: Query) -> Form:
    """The studies that can be chosen, those begun last first."""
    lines = sorted(lines_of(shelf)[0], key=lambda line: line.created, reverse=True)
    lines = [line for line in lines if line.state == "finished"][:_MOST_OFFERED]
    chosen = set(query.texts("study"))
    return Form(
        title="Which studies",
        action=query.path,
        fields=(),
        checks=tuple(("study", _key(line), _offered(line), _key(line) in chosen) for line in lines),
        checks_title=f"Finished studies, two to {MOST}",
        checks_action=query.path,
        checks_button="Compare",
    )


def _offered(line: Line) -> str:
    return f"{printable(line.name, 80)} ({line.head.id}, {line.shelved.title})"


def _key(line: Line) -> str:
    return f"{line.shelved.key}:{line.head.id}"


def compare_sections(shelf: Shelf, library: Library, query: Query) -> tuple[Section, ...]:
    """The chosen studies side by side; those that cannot be shown are named."""
    subjects, problems = _subjects(shelf, library, query.texts("study")[:MOST])
    shown = Notes(tuple(problems), is_caution=True)
    notes = [Section("problems", "Not shown", "These could not be compared.", (shown,))] if problems else []
    if len(subjects) < 2:
        return tuple(notes)
    results = [one.result for one in subjects if one.result is not None]
    names = _names(subjects)
    return (
        *notes,
        _figures(results, names),
        _tested(results, names),
        _ranks(results, names),
        _settings(subjects, names),
    )


def _subjects(shelf: Shelf, library: Library, keys: Sequence[str]) -> tuple[list[Subject], list[str]]:
    found, problems = list[Subject](), list[str]()
    for key in keys:
        store, _, study = key.partition(":")
        try:
            subject = library.subject(shelf.find(store), study)
        except DarseError as error:
            problems.append(f"{printable(key, 120)}: {printable(str(error), 300)}")
            continue
        if subject.is_shown:
            found.append(subject)
        else:
            problems.append(f"{printable(subject.record.name)} ({study}) has no result yet.")
    return found, problems


def _names(subjects: Sequence[Subject]) -> list[str]:
    """What each is called in headings; numbers tell namesakes apart."""
    names = [printable(one.record.name, 60) for one in subjects]
    return [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, 1)]


def _figures(results: Sequence[Result], names: Sequence[str]) -> Section:
    tables = [{one.label: one.value for one in key_figures(result)} for result in results]
    labels = list(dict.fromkeys(label for table in tables for label in table))
    rows = [
        ("verdict", *(verdict_words(result) for result in results)),
        ("base model", *(printable(result.origin.base_name, 80) for result in results)),
        ("data", *(printable(result.origin.source, 80) or ABSENT for result in results)),
        *((label, *(table.get(label, ABSENT) for table in tables)) for label in labels),
    ]
    lead = "What each study found. Figures of different data or metrics are no race."
    return Section("figures", "Key figures", lead, (Table("Key figures by study", ("figure", *names), tuple(rows)),))


def _tested(results: Sequence[Result], names: Sequence[str]) -> Section:
    """The quality on test over the size of the adapter, for the metric that most of them have."""
    metrics = [name for result in results if result.quality for name in result.quality.test]
    metric = max(dict.fromkeys(metrics), key=metrics.count, default="")
    points = [
        (name, result.cost, result.quality.test[metric])
        for name, result in zip(names, results, strict=True)
        if result.quality is not None and metric in result.quality.test
    ]
    title, lead = "Quality over size", "The exported adapter of each study on its own test rows, over its parameters."
    if not points:
        return Section("tested", title, lead, (Notes(("None of these studies was judged on test rows.",)),))
    data = {result.origin.data_digest for result in results}
    notes: tuple[Part, ...] = ()
    if len(data) > 1:
        said = "These studies stand on different data, so their test rows differ: do not read small differences."
        notes = (Notes((said,), is_caution=True),)
    marks = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": text(name),
            "x": [size],
            "y": [value],
            "marker": {"size": 12, "color": _COLOURS[place % len(_COLOURS)]},
            "hovertemplate": f"{text(name)}<br>%{{x:,}} parameters: %{{y:.4g}}<extra></extra>",
        }
        for place, (name, size, value) in enumerate(points)
    ]
    chart = Chart(
        "tested",
        f"A point for each study: {metric_words(metric)} on test over adapter parameters.",
        f"{metric_words(metric)} on test over parameters of {len(points)} studies",
        figure(
            marks,
            xaxis=axis("trainable adapter parameters", tickformat="~s"),
            yaxis=axis(metric_words(metric), nticks=6),
        ),
        Table(
            "Quality on test by study",
            ("study", "parameters", metric_words(metric)),
            tuple((name, count(size), metric_value(value, metric)) for name, size, value in points),
        ),
    )
    return Section("tested", title, lead, (*notes, chart))


def _ranks(results: Sequence[Result], names: Sequence[str]) -> Section:
    title, lead = "Ranks", "The found plan of each study, site by site, from input to output."
    sites = results[0].sites
    same = [(name, one) for name, one in zip(names, results, strict=True) if len(one.sites) == len(sites)]
    plans = [NamedPlan(name, one.plan, one.cost, ()) for name, one in same]
    parts: list[Part] = [rank_chart(plans, sites)]
    if len(same) < len(results):
        left = ", ".join(name for name in names if name not in {one for one, _ in same})
        parts.append(Notes((f"Of another number of sites, and so not in the chart: {left}.",)))
    return Section("ranks", title, lead, tuple(parts))


def _settings(subjects: Sequence[Subject], names: Sequence[str]) -> Section:
    tables = [described(one.record) for one in subjects]
    labels = list(dict.fromkeys(label for table in tables for label in table))
    rows = [(label, *(json.dumps(table.get(label), ensure_ascii=False) for table in tables)) for label in labels]
    varied = tuple(tuple(printable(cell, 300) for cell in row) for row in rows if len(set(row[1:])) > 1)
    lead = f"{plural(len(varied), 'setting')} of {len(labels)} differ; all others are the same."
    table = Table("Settings that differ", ("setting", *names), varied)
    return Section("settings", "What differs", lead, (table,) if varied else ())
