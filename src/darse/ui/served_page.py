"""A server's log to charts of its figures window by window, and to what has drifted in the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from darse.errors import DarseError
from darse.monitor.drift import COLUMNS
from darse.monitor.series import Counted, Series, Span, drift_of
from darse.names import printable
from darse.report.figures import LEGEND, axis, figure, finite, text
from darse.report.parts import ABSENT, Chart, Notes, Part, Section, Table
from darse.report.words import count, listed, number, percent
from darse.ui.form import Field, Form
from darse.ui.moments import moment_mark, moment_words
from darse.ui.query import Query, address
from darse.ui.shelf import Shelf, Shelved

WINDOWS: Mapping[str, int] = {"5m": 300, "15m": 900, "1h": 3600, "6h": 21_600, "1d": 86_400}
SERVED_AS = ("prod", "canary", "shadow")
MOST_WINDOWS = 400
_USUAL = 24
_MOST_LABELS = 6
_COLOURS = ("@accent", "@uniform", "@equal", "@shuffled", "@gold", "@grey")


@dataclass(frozen=True)
class Asked:
    """What of a log is asked for.

    Attributes:
        window: Length of a window: a key of `WINDOWS`.
        windows: How many.
        served_as: Of which label.
        until: Seconds since 1970 (UTC); in the last window.
    """

    window: str
    windows: int
    served_as: str
    until: float

    @classmethod
    def of(cls, query: Query, now: float) -> Asked:
        """What a query asks for; without a moment it is now."""
        return cls(
            window=query.choice("window", tuple(WINDOWS), "1h"),
            windows=query.number("windows", _USUAL, low=1, high=MOST_WINDOWS),
            served_as=query.choice("as", SERVED_AS, "prod"),
            until=float(query.number("until", int(now), low=0, high=4_000_000_000)),
        )


@dataclass(frozen=True)
class _Figures:
    """A chart over time: its name, how to read it, its unit, its figures with their words, and how a value is shown."""

    name: str
    caption: str
    unit: str
    columns: tuple[tuple[str, str], ...]
    shown: Callable[[float], str]


def served_stores(shelf: Shelf) -> tuple[list[tuple[Shelved, tuple[float, float]]], list[str]]:
    """The stores with a log that has texts, each with its first and last moment; and what cannot be read."""
    found, problems = list[tuple[Shelved, tuple[float, float]]](), list[str]()
    for shelved in shelf.stores():
        try:
            with shelved.read() as store:
                span = store.traffic_overview.span()
        except DarseError as error:
            problems.append(f"{shelved.title}: {printable(str(error), 300)}")
            continue
        if span is not None:
            found.append((shelved, span))
    return found, problems


def logs_section(shelf: Shelf) -> Section:
    """The logs there are."""
    found, problems = served_stores(shelf)
    notes = (Notes(tuple(problems), is_caution=True),) if problems else ()
    lead = "What `darse serve` has answered, by the store that keeps it; press one above to see it."
    if not found:
        said = "No store here has texts that were served. `darse serve` keeps them in darse-traffic.db."
        return Section("logs", "Logs", said, notes)
    rows = tuple((one.title, moment_words(low), moment_words(high)) for one, (low, high) in found)
    table = Table("Logs", ("store", "first text (UTC)", "last text (UTC)"), rows)
    return Section("logs", "Logs", lead, (*notes, table))


def log_address(key: str, *more: str) -> str:
    """The address of a page of a log."""
    return address("/".join(("", "served", key, *more)))


def windows_of(shelved: Shelved, series: Series, asked: Asked, *, now: float, wait_s: float) -> list[Counted]:
    """The windows that are asked for."""
    with shelved.read() as store:
        return series.windows(
            shelved.key,
            store.traffic_overview,
            Span(asked.until, WINDOWS[asked.window], asked.windows, asked.served_as),
            now=now,
            wait_s=wait_s,
        )


def window_form(query: Query, asked: Asked) -> Form:
    """What can be chosen."""
    return Form(
        title="Which windows",
        action=query.path,
        fields=(
            Field("window", "Length", asked.window, tuple((one, one) for one in WINDOWS)),
            Field("windows", f"How many, up to {MOST_WINDOWS}", str(asked.windows)),
            Field("as", "Whose answers", asked.served_as, tuple((one, one) for one in SERVED_AS)),
        ),
        kept=tuple(("until", value) for value in query.texts("until")),
    )


def series_sections(windows: Sequence[Counted]) -> tuple[Section, ...]:
    """The figures of the windows, as charts."""
    missing = sum(not one.is_whole for one in windows)
    lead = f"{moment_words(windows[0].since)} to {moment_words(windows[-1].until)} UTC, window by window."
    parts: list[Part] = []
    if missing:
        said = f"{missing} of {len(windows)} windows are not summed up yet: read this page again, and more of them are."
        parts.append(Notes((said,), is_caution=True))
    charts = [_chart(one, windows) for one in (_TEXTS, _labels(windows), *_FIGURES)]
    drawn = [one for one in charts if one is not None]
    if not drawn:
        parts.append(Notes(("Nothing was answered in these windows.",)))
    return (Section("series", "Window by window", lead, (*parts, *drawn)),)


def drift_section(shelved: Shelved, windows: Sequence[Counted], served_as: str) -> Section:
    """What has drifted in the last window that is over and has texts, on a sample of them."""
    title = "Drift"
    full = [one for one in windows if one.sums.texts]
    if not full:
        return Section("drift", title, "There are no texts to compare with what is usual.", ())
    last = full[-2] if len(full) > 1 and full[-1] is windows[-1] else full[-1]
    with shelved.read() as store:
        drifts = drift_of(store, last.since, last.until, served_as=served_as)
    lead = (
        f"A sample of the texts from {moment_words(last.since)} to {moment_words(last.until)} UTC, compared with what "
        "the adapter says of rows that it has not learned from."
    )
    notes, rows = list[str](), list[tuple[str, ...]]()
    for adapter, found in drifts.items():
        if found is None:
            notes.append(f"Nothing is known to be usual of adapter {adapter[:12]}.")
        elif not found:
            notes.append(f"Adapter {adapter[:12]} has too few texts to be compared.")
        rows += [
            (
                adapter[:12], COLUMNS[one.column], "drifted" if one.is_shown else "no drift shown",
                number(one.effect, 3), number(one.p, 2), number(one.before, 3), number(one.after, 3),
            )
            for one in found or ()
        ]  # fmt: skip
    columns = ("adapter", "what", "judgement", "distance", "p", "usual", "now")
    table = (Table("Drift by column", columns, tuple(rows)),) if rows else ()
    return Section("drift", title, lead, (*table, *((Notes(tuple(notes)),) if notes else ())))


def _labels(windows: Sequence[Counted]) -> _Figures:
    """The parts of the most frequent labels."""
    total: Counter[str] = Counter()
    for one in windows:
        total += one.sums.labels
    names = sorted(total, key=lambda name: (-total[name], name))[:_MOST_LABELS]
    columns = tuple((f"share:{name}", printable(name, 60)) for name in names)
    return _Figures("labels", "Part of each label", "part of the texts", columns, _share)


def _share(value: float) -> str:
    return percent(value, 1)


def _whole(value: float) -> str:
    return count(int(value))


def _chart(asked: _Figures, windows: Sequence[Counted]) -> Chart | None:
    """Some figures over time; None where no window has any of them."""
    figures = [one.figures for one in windows]
    used = [(key, words) for key, words in asked.columns if any(key in one for one in figures)]
    if not used or not any(values.get(key) for values in figures for key, _ in used):
        return None
    moments = [moment_mark(one.since) for one in windows]
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": text(words),
            "x": moments,
            "y": finite(one.get(key) for one in figures),
            "line": {"color": _COLOURS[place % len(_COLOURS)], "width": 1.8},
            "marker": {"size": 5, "color": _COLOURS[place % len(_COLOURS)]},
            "hovertemplate": f"%{{x}}<br>{text(words)}: %{{y:.4g}}<extra></extra>",
            "showlegend": len(used) > 1,
        }
        for place, (key, words) in enumerate(used)
    ]
    rows = tuple(
        (moment_words(one.since), *(_cell(values, key, asked.shown) for key, _ in used))
        for one, values in zip(windows, figures, strict=True)
    )
    return Chart(
        asked.name,
        f"{asked.caption}. A gap is a window without any.",
        f"{asked.caption}, over {len(windows)} windows: {listed([words for _, words in used])}",
        figure(
            traces,
            xaxis=axis("UTC", type="date", nticks=6),
            yaxis=axis(asked.unit, rangemode="tozero", nticks=6),
            legend={**LEGEND},
        ),
        Table(asked.caption, ("from (UTC)", *(words for _, words in used)), rows),
        height=260,
    )


def _cell(values: Mapping[str, float], key: str, shown: Callable[..., str]) -> str:
    if key not in values:
        return ABSENT
    return shown(int(values[key]) if shown is count else values[key])


_TEXTS = _Figures("texts", "Texts", "texts", (("texts", "texts"),), _whole)
_FIGURES = (
    _Figures(
        "means",
        "Mean score and confidence",
        "mean",
        (("score_mean", "score"), ("confidence_mean", "confidence")),
        number,
    ),
    _Figures(
        "latency",
        "Seconds until the answer, of half, of 95 and of 99 of 100 texts, to within a tenth",
        "seconds",
        (("latency_p50_s", "half"), ("latency_p95_s", "95 of 100"), ("latency_p99_s", "99 of 100")),
        number,
    ),
    _Figures(
        "errors",
        "Part of the requests that failed inside, or were told to come back",
        "part of the requests",
        (("error_share", "failed"), ("busy_share", "told to come back")),
        _share,
    ),
    _Figures("tokens", "Mean tokens of a text", "tokens", (("tokens_mean", "tokens"),), number),
    _Figures("unknown", "Part of unknown tokens", "part", (("unknown_mean", "unknown tokens"),), _share),
    _Figures("accuracy", "Accuracy, of the texts with feedback", "accuracy", (("accuracy", "accuracy"),), _share),
    _Figures("mse", "Squared error, of the texts with feedback", "mean squared error", (("mse", "error"),), number),
)
