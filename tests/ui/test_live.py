"""A running study is followed: news when there is some, an end when it has ended, and not too many at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from darse.errors import StoreError
from darse.settings import Settings
from darse.store.overview import Progress
from darse.store.protocol import StudyRecord
from darse.ui.errors import BusyError
from darse.ui.live import Streams, live_of, time_left
from tests.ui.shelves import keep_study, site

PROGRESS = Progress(
    StudyRecord("s", "name", "c", Settings().model_dump(mode="json"), 1.0, "running"),
    {"finished": 4, "running": 1}, 0.5, 100.0, 4, 80.0, "fine", (),
)  # fmt: skip


def news(text: list[str]) -> list[dict[str, object]]:
    return [json.loads(one.split("data: ")[1]) for one in text if "data: " in one]


async def take(stream: AsyncIterator[str], amount: int = 1000) -> list[str]:
    """The first parts of a stream, or all of them."""
    found = []
    async for one in stream:
        found.append(one)
        if len(found) == amount:
            break
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    return found


async def present() -> bool:
    """Somebody listens."""
    return False


def looking(*states: Progress | Exception) -> Callable[[], Progress]:
    waiting = list(states)

    def look() -> Progress:
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(found, Exception):
            raise found
        return found

    return look


def test_only_news_are_sent_and_the_end_is_said() -> None:
    done = replace(PROGRESS, record=replace(PROGRESS.record, state="finished"))
    better = replace(PROGRESS, best=0.4)
    streams = Streams(1, 0.001, lambda: False)
    found = asyncio.run(take(streams.follow(looking(PROGRESS, PROGRESS, PROGRESS, better, done), present)))
    told = news(found)
    assert [one.get("best") for one in told] == ["0.5", "0.4", "0.5", None]
    assert told[0]["stage"] == "fine (3 of 5)"
    assert told[2]["part"] == 1.0
    assert found[-1].startswith("event: end\n")
    assert streams.open == 0


def test_a_server_that_ends_ends_its_streams() -> None:
    ends = iter([False, True, True, True])
    found = asyncio.run(take(Streams(1, 600.0, lambda: next(ends)).follow(looking(PROGRESS), present)))
    assert found[-1].startswith("event: end\n")


def test_nobody_is_told_anything_once_they_are_gone() -> None:
    async def gone() -> bool:
        return True

    streams = Streams(1, 600.0, lambda: False)
    assert news(asyncio.run(take(streams.follow(looking(PROGRESS), gone)))) == [{"said": "There is no more news."}]
    assert streams.open == 0


def test_a_store_that_cannot_be_read_ends_the_stream() -> None:
    found = asyncio.run(take(Streams(1, 0.001, lambda: False).follow(looking(PROGRESS, StoreError("gone")), present)))
    assert len(news(found)) == 2


def test_one_page_too_many_is_told_to_reload_and_has_room_when_another_is_gone() -> None:
    streams = Streams(1, 0.001, lambda: False)

    async def crowd() -> None:
        first = streams.follow(looking(PROGRESS), present)
        await anext(first)
        assert streams.open == 1
        with pytest.raises(BusyError, match="reload"):
            streams.follow(looking(PROGRESS), present)
        await first.aclose()  # type: ignore[attr-defined]  # it is a generator
        assert len(await take(streams.follow(looking(PROGRESS), present), 2)) == 2

    asyncio.run(crowd())
    assert streams.open == 0


def test_time_left_is_that_of_the_runs_a_search_still_needs_within_its_limits() -> None:
    assert time_left(PROGRESS) == pytest.approx((28 - 4) * 20.0)
    assert time_left(replace(PROGRESS, runs=0, run_seconds=0.0)) is None
    assert time_left(replace(PROGRESS, record=replace(PROGRESS.record, state="stopped"))) is None
    search = {**Settings().search.model_dump(mode="json"), "max_minutes": 2.0}
    limited = replace(PROGRESS.record, settings={**PROGRESS.record.settings, "search": search})
    assert time_left(replace(PROGRESS, record=limited)) == pytest.approx(20.0)
    strange = replace(PROGRESS.record, settings={"search": {"strategy": "of a later version"}})
    assert time_left(replace(PROGRESS, record=strange)) is None


@pytest.mark.parametrize(
    ("state", "stage", "said"),
    [
        ("finished", "done", "The study is finished."),
        ("stopped", "coarse", "its command again continues it"),
        ("running", "", "no stage has begun yet"),
        ("running", "coarse", "No worker holds a trial"),
    ],
)
def test_the_state_is_said_in_a_sentence(state: str, stage: str, said: str) -> None:
    record = replace(PROGRESS.record, state=state)
    assert said in live_of(replace(PROGRESS, record=record, stage=stage, trials={})).said


def test_the_stream_of_a_study_that_is_over_ends_at_once(tmp_path: Path) -> None:
    kept = keep_study(tmp_path / "one")
    with site(tmp_path) as opened:
        answer = opened.client.get(opened.study(kept, "live"))
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "The study is finished." in answer.text
        assert answer.text.rstrip().splitlines()[-2] == "event: end"
    with site(tmp_path, max_streams=0) as full:
        answer = full.client.get(full.study(kept, "live"))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
