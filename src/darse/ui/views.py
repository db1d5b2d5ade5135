"""The pages of one study, in the order of their tabs: each makes sections of charts and tables of what is known.

A page is added by an entry in `VIEWS`. Its charts are drawn, listed as tables and given out as data by their names.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darse.amounts import plural
from darse.names import printable
from darse.report.facts import kind_of
from darse.report.glossary import GLOSSARY
from darse.report.parts import Notes, Pairs, Section, Table
from darse.report.search_charts import trajectory_chart
from darse.report.words import plan_words
from darse.search.stages import STAGES
from darse.store.journal import event_words
from darse.store.protocol import Event
from darse.ui.moments import moment_words
from darse.ui.subject import Subject, settings_rows

_MOST_EVENTS = 500


@dataclass(frozen=True)
class View:
    """A page of a study.

    Attributes:
        name: In its address.
        title: Of its tab.
        build: Its sections.
        needs_result: Whether there is nothing to show before the study is finished.
    """

    name: str
    title: str
    build: Callable[[Subject], tuple[Section, ...]]
    needs_result: bool = True


def _of_report(*names: str) -> Callable[[Subject], tuple[Section, ...]]:
    """Some sections of the report."""
    return lambda subject: tuple(subject.sections[name] for name in names if name in subject.sections)


def _overview(subject: Subject) -> tuple[Section, ...]:
    return _of_report("effects")(subject) if subject.is_shown else _course(subject)


def _course(subject: Subject) -> tuple[Section, ...]:
    """How the search went, or how far it has come."""
    if subject.is_shown:
        return _of_report("course")(subject)
    title, lead = "How the search goes", "The finished trials so far, in the order asked; lower is better."
    settings = subject.settings
    if not subject.trials:
        return (Section("course", title, lead, (Notes(("No trial is finished yet.",)),)),)
    epochs = [trial.spec.epochs if settings is None else settings.train.epochs for trial in subject.trials]
    kinds = [kind_of(trial.spec, whole) for trial, whole in zip(subject.trials, epochs, strict=True)]
    note = Notes(("The stage of a trial is the one that was under way when it ended.",))
    return (Section("course", title, lead, (trajectory_chart(subject.trials, _stages(subject), kinds), note)),)


def _stages(subject: Subject) -> list[str]:
    """The stage that was under way when each trial ended; one that another study had finished is of the first."""
    begun = [(one.time, str(one.detail.get("stage"))) for one in subject.events if one.kind == "stage"]
    begun = [(moment, stage) for moment, stage in begun if stage in STAGES] or [(0.0, STAGES[0])]
    moments = [moment for moment, _ in begun]
    places = [bisect_right(moments, subject.ended.get(trial.id, 0.0)) - 1 for trial in subject.trials]
    return [begun[max(place, 0)][1] for place in places]


def _layers(subject: Subject) -> tuple[Section, ...]:
    """What every layer does; how each is worth something is a page of its own."""
    return tuple(one for name, one in subject.layers.items() if name not in {"sensitivity", "settings"})


def _sensitivity(subject: Subject) -> tuple[Section, ...]:
    """What each site is worth, with how far that holds, and what the settings moved."""
    found = subject.layers
    first = found.get("sensitivity") or subject.sections["sensitivity"]
    return (first, *((found["settings"],) if "settings" in found else ()))


def _settings(subject: Subject) -> tuple[Section, ...]:
    reproduce = _of_report("reproduce")(subject) if subject.is_shown else ()
    if reproduce:
        return reproduce
    lead = "What makes this study this study: the same of all that gives the same trials."
    rows = tuple((name, printable(value, 500)) for name, value in settings_rows(subject.record))
    return (Section("settings", "Settings", lead, (Table("Settings of the study", ("setting", "value"), rows),)),)


def _events(subject: Subject) -> tuple[Section, ...]:
    failures = Section("failures", "Failures", "No trial failed.", ())
    if subject.failures:
        rows = tuple((plan_words(one.spec.plan), printable(one.reason, 500)) for one in subject.failures)
        lead = f"{plural(len(subject.failures), 'trial')} gave no score; the search goes on without."
        failures = Section("failures", "Failures", lead, (Table("Failed trials", ("ranks", "reason"), rows),))
    return (Section("events", "What happened", _events_lead(subject.events), _event_parts(subject.events)), failures)


def _events_lead(events: Sequence[Event]) -> str:
    shown = f"the last {_MOST_EVENTS} of {len(events)}" if len(events) > _MOST_EVENTS else "all of them"
    return f"The events of the study, newest first: {shown}. Times are UTC."


def _event_parts(events: Sequence[Event]) -> tuple[Table, ...]:
    rows = tuple(
        (moment_words(one.time), printable(one.kind, 40), event_words(one)) for one in events[::-1][:_MOST_EVENTS]
    )
    return (Table("Events", ("when", "what", "more"), rows),)


def _glossary(subject: Subject) -> tuple[Section, ...]:
    return (Section("glossary", "Words", "What the words of these pages mean, one line each.", (Pairs(GLOSSARY),)),)


OVERVIEW = View("overview", "Overview", _overview, needs_result=False)
VIEWS: tuple[View, ...] = (
    OVERVIEW,
    View("ranks", "Ranks", _of_report("ranks")),
    View("size", "Quality over size", _of_report("frontier", "uniform")),
    View("sensitivity", "Sensitivity", _sensitivity),
    View("layers", "Layers", _layers, needs_result=False),
    View("quality", "Quality", _of_report("quality", "data")),
    View("course", "Course", _course, needs_result=False),
    View("events", "Events", _events, needs_result=False),
    View("settings", "Settings", _settings, needs_result=False),
    View("words", "Words", _glossary, needs_result=False),
)
