"""Requests for pages about what servers answered, for alerts, and for a text to try, to their answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from darse.errors import DarseError, InputError
from darse.monitor.notify import DeliveryError
from darse.monitor.series import Counted, Series
from darse.names import printable
from darse.report.parts import charts_of
from darse.report.words import number, percent
from darse.ui.alerts_page import SPANS, fire, mute, shown_rules, worst
from darse.ui.errors import BusyError
from darse.ui.frame import Frame
from darse.ui.pages import chart_data, page, query_of, theme
from darse.ui.served_page import (
    Asked,
    drift_section,
    log_address,
    logs_section,
    series_sections,
    served_stores,
    window_form,
    windows_of,
)
from darse.ui.shelf import Shelf, Shelved
from darse.ui.tryout import Adapter, Tryout

if TYPE_CHECKING:
    from darse.score.scorer import Score

_MAX_FIELDS = 20


@dataclass(frozen=True)
class LogPages:
    """The pages about logs and alerts.

    Attributes:
        shelf: The stores.
        series: What was summed up of them.
        rules: The file of alert rules; None where there is none.
        wait_s: Seconds that a page sums up.
    """

    shelf: Shelf
    series: Series
    rules: Path | None
    wait_s: float

    def logs(self, request: Request) -> Response:
        """Every log."""
        found, _ = served_stores(self.shelf)
        frame = Frame(
            query_of(request),
            theme(request),
            "Served texts",
            about="What servers have answered, what has drifted, and how the alert rules stand.",
            tabs=[(one.title, log_address(one.key), False) for one, _ in found],
        )
        return page("sections.html", frame, sections=(logs_section(self.shelf),))

    def log(self, request: Request, store: str) -> Response:
        """A log, window by window."""
        query, shelved, now = query_of(request), self.shelf.find(store), time.time()
        asked = Asked.of(query, now)
        windows = self._windows(shelved, asked, now)
        sections = (*series_sections(windows), drift_section(shelved, windows, asked.served_as))
        frame = Frame(
            query,
            theme(request),
            f"Served texts: {shelved.title}",
            above=("Served texts", "/served"),
            tabs=_log_tabs(store, "series"),
            has_charts=any(charts_of(sections)),
        )
        return page(
            "sections.html",
            frame,
            lambda name, kind: query.moved(f"/served/{store}/{name}.{kind}", theme=None, until=int(asked.until)),
            sections=sections,
            form=window_form(query, asked),
        )

    def log_data(self, request: Request, store: str, chart: str, kind: str) -> Response:
        """The data of a chart of a log."""
        now = time.time()
        asked = Asked.of(query_of(request), now)
        return chart_data(series_sections(self._windows(self.shelf.find(store), asked, now)), chart, kind)

    def alerts(self, request: Request, store: str) -> Response:
        """How the alert rules stand."""
        return self._alerts(request, store, "", "")

    async def mute(self, request: Request, store: str) -> Response:
        """Mute a rule for a while, or let it be heard again."""
        fields = await form_of(request)
        shelved = self.shelf.find(store)
        name, span = fields.get("rule", ""), fields.get("span", "")
        return await run_in_threadpool(
            self._done, request, store, lambda: mute(shelved, self.rules, name=name, span=span)
        )

    async def test(self, request: Request, store: str) -> Response:
        """Fire a rule as a test."""
        name = (await form_of(request)).get("rule", "")
        shelved = self.shelf.find(store)
        return await run_in_threadpool(self._done, request, store, lambda: fire(shelved, self.rules, name=name))

    def _done(self, request: Request, store: str, do: Callable[[], str]) -> Response:
        try:
            return self._alerts(request, store, do(), "")
        except (InputError, DeliveryError) as error:
            response = self._alerts(request, store, "", str(error))
            response.status_code = 502 if isinstance(error, DeliveryError) else 422
            return response

    def _alerts(self, request: Request, store: str, told: str, problem: str) -> Response:
        shelved = self.shelf.find(store)
        shown = shown_rules(shelved, self.rules, now=time.time())
        frame = Frame(
            query_of(request),
            theme(request),
            f"Alerts: {shelved.title}",
            about=worst(shown),
            above=("Served texts", "/served"),
            tabs=_log_tabs(store, "alerts"),
        )
        return page(
            "alerts.html",
            frame,
            rules=shown,
            has_rules=self.rules is not None,
            spans=SPANS,
            told=told,
            problem=problem,
            mute_href=log_address(store, "alerts", "mute"),
            test_href=log_address(store, "alerts", "test"),
        )

    def _windows(self, shelved: Shelved, asked: Asked, now: float) -> list[Counted]:
        return windows_of(shelved, self.series, asked, now=now, wait_s=self.wait_s)


@dataclass(frozen=True)
class TryPages:
    """The page to try a text.

    Attributes:
        tryout: What tries it.
        max_characters: Of a text.
    """

    tryout: Tryout
    max_characters: int

    def ask(self, request: Request) -> Response:
        """An empty form, with the adapter that the address names."""
        return self._page(request, {"adapter": query_of(request).text("adapter")})

    async def answer(self, request: Request) -> Response:
        """What an adapter says of a text."""
        fields = await form_of(request)
        return await run_in_threadpool(self._answer, request, fields)

    def _answer(self, request: Request, fields: dict[str, str]) -> Response:
        key, text, target = fields.get("adapter", ""), fields.get("text", ""), fields.get("target", "")
        try:
            adapter, said = self.tryout.score(key, text, target or None)
        except DarseError as error:
            response = self._page(request, fields, problem=str(error))
            response.status_code = 503 if isinstance(error, BusyError) else 422
            return response
        return self._page(request, fields, said=_said(adapter, said))

    def _page(
        self, request: Request, fields: dict[str, str], *, problem: str = "", said: dict[str, object] | None = None
    ) -> Response:
        adapters = self.tryout.adapters()
        frame = Frame(
            query_of(request),
            theme(request),
            "Try a text",
            about="What the adapter of a finished study says of a text. Nothing of it is kept.",
        )
        return page(
            "try.html",
            frame,
            adapters=[(one.key, _adapter_words(one)) for one in adapters],
            needs_target=any(one.manifest.task.has_target for one in adapters),
            fields={"adapter": "", "text": "", "target": "", **fields},
            most=self.max_characters,
            problem=problem,
            said=said,
        )


def _adapter_words(adapter: Adapter) -> str:
    return f"{adapter.title} ({printable(adapter.manifest.base_name)}, {adapter.manifest.digest[:8]})"


def _said(adapter: Adapter, said: Score) -> dict[str, object]:
    ordered = sorted(said.probabilities.items(), key=lambda one: -one[1])
    return {
        "label": said.label or "",
        "score": "" if said.score is None else number(said.score),
        "classes": [(name, value, percent(value, 1)) for name, value in ordered],
        "by": _adapter_words(adapter),
    }


def _log_tabs(store: str, here: str) -> Sequence[tuple[str, str, bool]]:
    return (
        ("Figures and drift", log_address(store), here == "series"),
        ("Alerts", log_address(store, "alerts"), here == "alerts"),
    )


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that was sent.

    Raises:
        InputError: It is no form, or has too many fields.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != "application/x-www-form-urlencoded":
        raise InputError("this is no form of these pages; send application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"))
    except ValueError as error:
        raise InputError("the form cannot be read; send it again from its page") from error
