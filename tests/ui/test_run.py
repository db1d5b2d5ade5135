"""A real server of pages: who is gone makes room, and nothing stays open."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2 as httpx
import pytest

from darse.ui.run import Ui
from darse.ui.settings import ui_settings
from darse.ui.shelf import Shelf
from tests.serve.serving import WAIT_S
from tests.ui.shelves import Kept, keep_log, keep_study

STREAMS = 3


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    keep_log(tmp_path / "darse-traffic.db", hours=2)
    return keep_study(tmp_path / "one", state="running", queued=3)


@pytest.fixture
def client(kept: Kept) -> Iterator[httpx.Client]:
    """A client of a server in a thread, which has ended when the test has."""
    settings = ui_settings({"port": 0, "poll_s": 0.02, "max_streams": STREAMS})
    ui = Ui(Shelf([str(kept.folder.parent)]), settings)
    thread = threading.Thread(target=ui.run)
    thread.start()
    try:
        with httpx.Client(base_url=ui.address, timeout=WAIT_S) as client:
            yield client
    finally:
        ui.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def live(kept: Kept) -> str:
    return f"/studies/{Shelf([str(kept.folder)]).stores()[0].key}/{kept.study}/live"


def status_soon(client: httpx.Client, path: str, wanted: int) -> None:
    """Wait until a stream begins with a status."""
    end = time.monotonic() + WAIT_S
    while True:
        with client.stream("GET", path) as answer:
            if answer.status_code == wanted:
                return
        assert time.monotonic() < end, answer.status_code
        time.sleep(0.02)


def test_a_page_that_is_gone_makes_room_for_another(client: httpx.Client, kept: Kept) -> None:
    path = live(kept)
    with ExitStack() as streams:
        # a generator that is let go closes its stream
        followed = [streams.enter_context(client.stream("GET", path)).iter_lines() for _ in range(STREAMS)]
        for lines in followed:
            assert any(line.startswith("data: ") for line in lines)
        status_soon(client, path, 503)
    status_soon(client, path, 200)


def test_many_pages_and_streams_leave_nothing_open(client: httpx.Client, kept: Kept) -> None:
    """H9, in its small form."""
    path = live(kept)
    pages = ["/", "/nothing", path.removesuffix("/live")]

    def look() -> int:
        for page in pages:
            client.get(page)
        with client.stream("GET", path):
            pass
        return len(list(Path("/proc/self/fd").iterdir()))

    look()
    counts = [look() for _ in range(12)]
    assert max(counts[6:]) <= max(counts[:6]) + 2
    assert not any(one.name.endswith("-journal") for one in kept.folder.iterdir())
