"""The pages over a database server, and over studies that another version or program wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from darse.store.open import open_store
from darse.store.protocol import Event
from darse.ui.app import make_app
from darse.ui.settings import ui_settings
from darse.ui.shelf import Shelf
from tests.postgres import fresh_schema
from tests.store.samples import OTHER_STUDY, STUDY, fill
from tests.store.test_traffic import a_text


@pytest.fixture
def address(postgres_server: str) -> Iterator[str]:
    with fresh_schema(postgres_server) as url:
        with open_store(url) as store:
            fill(store)
            store.add_event(STUDY, Event(4.0, "stage", {"stage": "coarse"}))
            store.traffic.add([a_text(at, time=7200.0 + at) for at in range(40)])
        yield url


def test_every_page_of_a_server_s_store_is_there_and_tells_no_password(address: str) -> None:
    shelf = Shelf([address])
    (shelved,) = shelf.stores()
    assert "@" not in shelved.title.replace("***@", "")
    with TestClient(make_app(shelf, ui_settings({"wait_s": 60})), base_url="http://localhost") as client:
        study = f"/studies/{shelved.key}/{STUDY}"
        pages = [
            "",
            "/course",
            "/events",
            "/settings",
            "/trials",
            "/trials?sort=score&way=down",
            "/trials?state=running",
        ]
        paths = ["/", "/served", f"/served/{shelved.key}?until=7300", *(f"{study}{page}" for page in pages)]
        shown = {path: client.get(path, headers={"accept": "text/html"}) for path in paths}
        assert {path: answer.status_code for path, answer in shown.items()} == dict.fromkeys(paths, 200)
        assert "stage coarse (2 of 5)" in shown[study].text
        assert "chart-trajectory" in shown[f"{study}/course"].text, "settings that mean nothing here hide no trial"
        texts = client.get(f"/served/{shelved.key}/texts.json?until=7300&windows=1").json()["table"]["rows"]
        assert texts[0][1] == "40"
        assert client.get(f"/studies/{shelved.key}/{OTHER_STUDY}").status_code == 200
