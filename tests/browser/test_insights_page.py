"""The page of insights in a real browser: drawn, quiet, offline, on a phone and in the dark, hostile texts and all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser

from darse.insight.page import render_insights
from tests.attacks.test_report_texts import ATTACKS
from tests.browser.chromium import NEEDS_CHROMIUM
from tests.browser.test_report import EMPTY, OVERFLOW, open_report
from tests.insight.samples import FALLEN, hostile_rows, of_demo, of_rows, of_world

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages, on disk as a user has them."""
    folder = tmp_path_factory.mktemp("pages")
    rows = hostile_rows([one.replace("\0", "").replace("\n", " ") for one in ATTACKS])
    text, _, by, _, lang = rows[0]
    with TemporaryDirectory() as place:
        hostile = of_rows(Path(place), rows, text=text, by=by, lang=lang, label="label")
    found = {"demo": of_demo(), "fallen": of_world(FALLEN), "hostile": hostile}
    for name, one in found.items():
        (folder / f"{name}.html").write_text(render_insights(one), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in found}


@pytest.mark.parametrize("name", ["demo", "fallen", "hostile"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_chart_is_drawn_and_fits_and_nothing_runs_or_is_asked_for(
    name: str, width: int, scheme: str, browser: Browser, files: dict[str, Path]
) -> None:
    opened = open_report(browser, files[name], width=width, scheme=scheme)
    page = opened.page
    assert page.locator(".plot").count() == 4
    assert page.evaluate(EMPTY) == []
    assert page.evaluate(OVERFLOW) == []
    assert page.evaluate("window.pwned") is None
    assert opened.errors == []
    assert opened.requests == []
    page.close()


def test_what_got_worse_is_in_sight_without_scrolling_on_a_phone(browser: Browser, files: dict[str, Path]) -> None:
    page = open_report(browser, files["demo"], width=390).page
    bottom = page.evaluate("document.querySelector('.verdict').getBoundingClientRect().bottom")
    assert bottom <= 900
    assert "Kestrel Bank app" in (page.locator(".verdict").text_content() or "")
    page.close()
