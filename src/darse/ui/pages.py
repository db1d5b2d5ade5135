"""Requests for pages about studies to their answers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from darse.errors import CorruptStoreError
from darse.names import printable
from darse.report.facts import verdict_words
from darse.report.key_figures import key_figures
from darse.report.page import Badge
from darse.report.parts import Chart, Notes, Section, charts_of
from darse.report.remarks import cautions
from darse.report.words import task_words
from darse.store.overview import Progress
from darse.ui.compare_page import compare_form, compare_sections
from darse.ui.data_out import KINDS, MEDIA, chart_text
from darse.ui.errors import MissingError
from darse.ui.frame import THEME_COOKIE, Frame, Links, render, theme_of
from darse.ui.gates_page import gate_sections
from darse.ui.history_sections import history_page_sections
from darse.ui.live import Streams, live_of
from darse.ui.moments import moment_words
from darse.ui.query import Query
from darse.ui.shelf import Shelf, Shelved
from darse.ui.studies_page import studies_section, study_address
from darse.ui.subject import Library, Subject, settings_of
from darse.ui.trials_page import all_trials, trial_sections, trials_section
from darse.ui.views import OVERVIEW, VIEWS, View

REFRESH_S = 10


@dataclass(frozen=True)
class StudyPages:
    """The pages about studies.

    Attributes:
        shelf: The stores.
        library: What was read of them.
        streams: Who follows running studies.
    """

    shelf: Shelf
    library: Library
    streams: Streams

    def studies(self, request: Request) -> Response:
        """Every study."""
        query = query_of(request)
        section, form = studies_section(self.shelf, query)
        frame = Frame(query, theme(request), "Studies", about="Every study of the stores that were given.")
        return page("sections.html", frame, sections=(section,), form=form)

    def overview(self, request: Request, store: str, study: str) -> Response:
        """How far a study is, or what it found."""
        shelved = self.shelf.find(store)
        subject, progress = self.library.subject(shelved, study), self._progress(shelved, study)
        found, is_running = subject.result, subject.record.state == "running"
        frame = self._frame(request, subject, OVERVIEW, subject_sections := OVERVIEW.build(subject))
        if subject.is_shown and found is not None:
            badge = Badge(found.verdict.verdict, verdict_words(found), found.verdict.sentence)
            shown = {"badge": badge, "cautions": cautions(found), "figures": key_figures(found)}
        else:
            shown = {"live": live_of(progress, study_address(store, study, "live") if is_running else "")}
        return page("sections.html", frame, _links(store, study, OVERVIEW.name), sections=subject_sections, **shown)

    def view(self, request: Request, store: str, study: str, view: str) -> Response:
        """Another page of a study."""
        chosen = _view(view)
        subject = self.library.subject(self.shelf.find(store), study)
        shown = self._sections(subject, chosen)
        frame = self._frame(request, subject, chosen, shown)
        return page("sections.html", frame, _links(store, study, view), sections=shown)

    def view_data(self, request: Request, store: str, study: str, view: str, chart: str, kind: str) -> Response:
        """The data of a chart of a page of a study."""
        subject = self.library.subject(self.shelf.find(store), study)
        return chart_data(self._sections(subject, _view(view)), chart, kind)

    def live(self, request: Request, store: str, study: str) -> Response:
        """How far a running study is, again and again."""
        shelved = self.shelf.find(store)
        self._progress(shelved, study)
        events = self.streams.follow(lambda: self._progress(shelved, study), request.is_disconnected)
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def trials(self, request: Request, store: str, study: str) -> Response:
        """The trials of a study."""
        query, shelved = query_of(request), self.shelf.find(store)
        progress = self._progress(shelved, study)
        section, form = trials_section(shelved, study, settings_of(progress.record), query)
        frame = Frame(
            query,
            theme(request),
            printable(progress.record.name, 120),
            title=f"Trials of {printable(progress.record.name, 60)}",
            above=("Studies", "/"),
            tabs=_tabs(store, study, "trials"),
        )
        return page("sections.html", frame, sections=(section,), form=form)

    def trials_data(self, request: Request, store: str, study: str, kind: str) -> Response:
        """All trials of a study as a table."""
        _check_kind(kind)
        shelved = self.shelf.find(store)
        settings = settings_of(self._progress(shelved, study).record)
        name = f"trials-{study[:16]}.{kind}"
        return StreamingResponse(
            all_trials(shelved, study, settings, kind), media_type=MEDIA[kind], headers=_as_file(name)
        )

    def trial(self, request: Request, store: str, study: str, trial: str) -> Response:
        """One trial."""
        progress, sections = self._trial(store, study, trial)
        frame = Frame(
            query_of(request),
            theme(request),
            f"Trial {printable(trial[:8])}",
            about=f"Of study {printable(progress.record.name, 120)}.",
            above=("All trials", study_address(store, study, "trials")),
            has_charts=any(charts_of(sections)),
        )
        return page("sections.html", frame, _links(store, study, "trials", trial), sections=sections)

    def trial_data(self, request: Request, store: str, study: str, trial: str, chart: str, kind: str) -> Response:
        """The data of a chart of one trial."""
        return chart_data(self._trial(store, study, trial)[1], chart, kind)

    def history(self, request: Request) -> Response:
        """The studies begun last, over time."""
        sections = history_page_sections(self.shelf, self.library)
        frame = Frame(
            query_of(request),
            theme(request),
            "History",
            about="What each study found, which layers got ranks, and how each search went.",
            has_charts=any(charts_of(sections)),
        )
        return page("sections.html", frame, lambda name, kind: f"/history/{name}.{kind}", sections=sections)

    def history_data(self, request: Request, chart: str, kind: str) -> Response:
        """The data of a chart of the history."""
        return chart_data(history_page_sections(self.shelf, self.library), chart, kind)

    def gates(self, request: Request) -> Response:
        """Names that results have, and how gates ended."""
        frame = Frame(
            query_of(request),
            theme(request),
            "Baselines and gates",
            about="Which adapter has which name, and which candidates were held against it.",
        )
        return page("sections.html", frame, sections=gate_sections(self.shelf))

    def compare(self, request: Request) -> Response:
        """Some studies side by side."""
        query = query_of(request)
        sections = compare_sections(self.shelf, self.library, query)
        frame = Frame(
            query,
            theme(request),
            "Compare studies",
            about="What finished studies found, side by side.",
            has_charts=any(charts_of(sections)),
        )
        form = compare_form(self.shelf, query)
        return page("sections.html", frame, _compare_links(query), sections=sections, form=form)

    def compare_data(self, request: Request, chart: str, kind: str) -> Response:
        """The data of a chart of the comparison."""
        return chart_data(compare_sections(self.shelf, self.library, query_of(request)), chart, kind)

    def _progress(self, shelved: Shelved, study: str) -> Progress:
        with shelved.read() as store:
            if not store.overview.heads(now=0.0, study=study):
                raise MissingError("there is no such study in this store; the list of studies has those there are")
            return store.overview.progress(study, now=time.time())

    def _trial(self, store: str, study: str, trial: str) -> tuple[Progress, tuple[Section, ...]]:
        shelved = self.shelf.find(store)
        progress = self._progress(shelved, study)
        with shelved.read() as opened:
            if (found := opened.overview.trial(study, trial)) is None:
                raise MissingError("there is no such trial in this study; the list of its trials has those there are")
        sites: tuple[str, ...] = ()
        with suppress(CorruptStoreError):  # of another trial, which this one does without
            result = self.library.subject(shelved, study).result
            sites = tuple(site.name for site in result.sites) if result is not None else ()
        return progress, trial_sections(found, settings_of(progress.record), sites)

    def _sections(self, subject: Subject, view: View) -> tuple[Section, ...]:
        if view.needs_result and not subject.is_shown:
            said = f"The study is {subject.record.state}; there is nothing to show here before it is finished."
            return (Section(view.name, view.title, "This page is about what was found.", (Notes((said,)),)),)
        return view.build(subject)

    def _frame(self, request: Request, subject: Subject, view: View, sections: Sequence[Section]) -> Frame:
        record = subject.record
        name = printable(record.name, 120)
        return Frame(
            query_of(request),
            theme(request),
            name,
            title=f"{view.title} of {name}",
            about=_about(subject),
            above=("Studies", "/"),
            tabs=_tabs(subject.shelved.key, record.id, view.name),
            has_charts=any(charts_of(sections)),
            refresh_s=REFRESH_S if record.state == "running" and view is OVERVIEW else 0,
        )


def _about(subject: Subject) -> str:
    record, result = subject.record, subject.result
    begun = f"Study {record.id}, begun {moment_words(record.created)} UTC, {record.state}."
    if result is None:
        return begun
    data = f" on {printable(result.origin.source, 120)}" if result.origin.source else ""
    return f"{printable(result.origin.base_name, 120)}{data}, predicting {task_words(result.task)}. {begun}"


def _view(name: str) -> View:
    found = next((view for view in VIEWS if view.name == name), None)
    if found is None:
        raise MissingError("a study has no such page; its tabs lead to those there are")
    return found


def _tabs(store: str, study: str, here: str) -> list[tuple[str, str, bool]]:
    tabs = [
        (view.title, study_address(store, study, *(() if view is OVERVIEW else (view.name,))), view.name == here)
        for view in VIEWS
    ]
    return [*tabs[:6], ("Trials", study_address(store, study, "trials"), here == "trials"), *tabs[6:]]


def _links(store: str, study: str, *more: str) -> Links:
    return lambda name, kind: study_address(store, study, *more, f"{name}.{kind}")


def _compare_links(query: Query) -> Links:
    return lambda name, kind: query.moved(f"/compare/{name}.{kind}", theme=None)


def query_of(request: Request) -> Query:
    """The address of a request."""
    text = bytes(request.scope["query_string"]).decode("utf-8", "replace")
    return Query.of(str(request.scope["path"]), text)


def theme(request: Request) -> str:
    """The theme that a request asks for."""
    return theme_of(query_of(request), request.cookies.get(THEME_COOKIE, ""))


def page(template: str, frame: Frame, links: Links = lambda name, kind: "", **shown: object) -> HTMLResponse:
    """A page as an answer; a theme in the address is kept for the pages after it."""
    response = HTMLResponse(render(template, frame, links, **{**_NOTHING, **shown}))
    if frame.query.text("theme"):
        response.set_cookie(THEME_COOKIE, frame.theme or "system", max_age=365 * 86_400, samesite="lax", httponly=True)
    return response


_NOTHING: dict[str, object] = dict.fromkeys(("badge", "cautions", "figures", "form", "live"))


def chart_data(sections: Iterable[Section], name: str, kind: str) -> Response:
    """The data of one of the charts of some sections.

    Raises:
        MissingError: There is no such chart, or no such format.
    """
    _check_kind(kind)
    found: Chart | None = next((one for one in charts_of(sections) if one.name == name), None)
    if found is None:
        raise MissingError("there is no such chart on this page")
    headers = _as_file(f"{found.name}.csv") if kind == "csv" else {}
    return Response(chart_text(found, kind), media_type=MEDIA[kind], headers=headers)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise MissingError(f"data are given as {' or '.join(KINDS)}")


def _as_file(name: str) -> dict[str, str]:
    """Of a name that is ours, so that nothing in it ends the header."""
    safe = "".join(one if one.isascii() and (one.isalnum() or one in "-._") else "-" for one in name)
    return {"Content-Disposition": f'attachment; filename="{safe}"'}
