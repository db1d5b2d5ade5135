"""Folders of studies and logs written by hand, as pages find them; nothing is trained."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2 as httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from darse.search.kept_result import put_result
from darse.search.result import Result
from darse.store.open import open_store
from darse.store.protocol import Event, StudyRecord
from darse.store.records import TrialRow
from darse.store.traffic import Feedback, MinuteCount, Served
from darse.store.trial import Outcome, TrialSpec
from darse.ui.app import make_api, make_app
from darse.ui.settings import ui_settings
from darse.ui.shelf import Shelf
from darse.ui.tryout import Tryout
from tests.report.samples import a_result

CONTEXT = "c" * 64
BEGUN = 1_795_470_331.0
DAY = 1_795_500_000.0
"""The log ends here."""
ADAPTER = "a" * 64


@dataclass(frozen=True)
class Kept:
    """A study on disk: its folder, its id, and the ids of its trials."""

    folder: Path
    study: str
    trials: tuple[str, ...]


def keep_study(
    folder: Path, result: Result | None = None, *, name: str | None = None, state: str = "finished", queued: int = 0
) -> Kept:
    """Write the store of a study as a search would have.

    Args:
        folder: Where; it is made.
        result: What was found; a sample by default.
        name: What people call it.
        state: Of the study; the result is kept for a finished one alone.
        queued: Trials that are not done: the first of them is running, the last of the done ones has failed.
    """
    found = result or a_result()
    called = found.name if name is None else name
    settings = {"data_sha256": "d" * 64, "evaluator": "darse", **found.settings.model_dump(mode="json")}
    folder.mkdir(parents=True, exist_ok=True)
    with open_store(folder / "study.db") as store:
        store.register_study(StudyRecord(found.study, called, CONTEXT, settings, BEGUN))
        store.add_event(found.study, Event(BEGUN, "opened", {"worker": "w-1", "max_trials": None}))
        specs = list(dict.fromkeys(trial.spec for trial in found.trials))
        ids = store.enqueue(found.study, specs)
        for place, stage in enumerate(("calibrate", "coarse", "fine", "allocate", "verify")):
            if state == "finished" or place < 2:
                store.add_event(found.study, Event(BEGUN + 1 + 10 * place, "stage", {"stage": stage}))
        if state == "finished":
            put_result(store, found)
            for stage, finding in found.findings.as_json().items():
                store.put_finding(found.study, stage, finding)
            store.add_event(found.study, Event(BEGUN + 999, "finished", {"verdict": found.verdict.verdict}))
        store.set_study_state(found.study, state)
    _end_trials(folder / "study.db", ids, specs, {trial.spec: trial.outcome for trial in found.trials}, queued)
    return Kept(folder, found.study, ids)


def _end_trials(
    path: Path, ids: Sequence[str], specs: Sequence[TrialSpec], outcomes: Mapping[TrialSpec, Outcome], queued: int
) -> None:
    """Write how trials ended in one transaction; a store takes one for each, as a search does."""
    done, rows = len(specs) - queued, []
    for place, (trial, spec) in enumerate(zip(ids, specs, strict=True)):
        waiting = TrialRow(trial, CONTEXT, spec, token=1, worker="w-1")
        if place < done - bool(queued):
            rows.append(waiting.finished(outcomes[spec], now=BEGUN + place))
        elif place < done:
            rows.append(waiting.failed("the loss became infinite", now=BEGUN + place, seconds=2.0))
        elif place == done:
            rows.append(replace(waiting, expires=BEGUN + 10 * 365 * 86_400.0))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "UPDATE darse_trials SET state=:state, token=:token, expires=:expires, body=:body, digest=:digest "
            "WHERE id=:id",
            [row.columns() for row in rows],
        )


def keep_log(path: Path, *, hours: int = 30, texts: int = 40, label: str = "good") -> Path:
    """Write a log of some hours up to `DAY`: so many texts in each, and feedback on some.

    Args:
        path: Of the store.
        hours: How many.
        texts: In each.
        label: Of every second text.
    """
    with open_store(path) as store:
        for hour in range(hours):
            start = DAY - 3600 * (hours - hour)
            rows = [_served(start + 3600 * place / texts, f"{hour}-{place}", label, place) for place in range(texts)]
            told = [Feedback(start + 3599, one.key, "bad", 0.25) for one in rows[:10]]
            minute = MinuteCount(int(start // 60), "server", "answered", texts)
            store.traffic.add(rows, told, [minute, MinuteCount(int(start // 60), "server", "failed", 10)])
    return path


def _served(time: float, key: str, label: str, place: int) -> Served:
    return Served(
        time=time, key=key, adapter=ADAPTER, name="adapter", served_as="prod", label=label if place % 2 else "bad",
        score=(place % 10) / 10, confidence=0.8, characters=20, tokens=10 + place % 5, unknown=place % 2,
        seconds=0.01 * (1 + place % 10), text_digest="0" * 64,
    )  # fmt: skip


@dataclass(frozen=True)
class Site:
    """An application with a client of it."""

    client: httpx.Client
    shelf: Shelf

    def key(self, title: str) -> str:
        """The key of the store of a title."""
        return next(one.key for one in self.shelf.stores() if one.title == title)

    def study(self, kept: Kept, *more: str) -> str:
        """The address of a page of a study."""
        return "/".join((f"/studies/{self.key(kept.folder.name)}/{kept.study}", *more))

    def page(self, path: str) -> str:
        """A page that is there."""
        answer = self.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, answer.text[-2000:]
        return answer.text


@contextmanager
def site(*places: Path, rules: Path | None = None, tryout: Tryout | None = None, **options: object) -> Iterator[Site]:
    """The pages of some places, by a client without a network."""
    shelf = Shelf([str(place) for place in places])
    app = make_app(shelf, ui_settings(options), rules=rules, tryout=tryout)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False) as client:
        yield Site(client, shelf)


def routes(shelf: Shelf) -> list[tuple[str, str]]:
    """Every method and path pattern of the application."""
    api: FastAPI = make_api(shelf, ui_settings({}))
    ours = [route for route in api.routes if isinstance(route, APIRoute)]
    return [(method, route.path) for route in ours for method in sorted(route.methods or ())]
