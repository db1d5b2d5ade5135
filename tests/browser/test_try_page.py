"""The page to try a text, in a real browser: it answers, it tells errors, it asks nobody else, and texts stay texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.attacks.test_report_texts import ATTACKS
from tests.browser.chromium import NEEDS_CHROMIUM
from tests.serve.serving import Running, running

TIMEOUT_MS = 20_000
TOKEN = "a-token-of-sixteen-characters"

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(token=TOKEN) as opened:
        yield opened


@pytest.fixture
def page(server: Running, browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 360, "height": 740})
    opened.set_default_timeout(TIMEOUT_MS)
    said: list[str] = []
    own = (server.service.address, "data:")
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.on("request", lambda request: said.extend([] if request.url.startswith(own) else [request.url]))
    opened.goto(server.service.address)
    yield opened
    assert said == []
    opened.close()


def test_a_text_is_scored_from_the_keyboard(page: Page, server: Running) -> None:
    page.get_by_label("Text", exact=True).fill("not bad")
    page.get_by_label("Token, if this server asks for one").fill(TOKEN)
    page.keyboard.press("Enter")
    expected = server.scorer.expected("not bad")
    page.get_by_text(f"Score: {expected.score:.3f}").wait_for()
    assert page.get_by_role("table").inner_text().splitlines()[0] == expected.label
    assert "By a (prod," in page.inner_text("#by")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits on a phone"


def test_an_error_is_said_in_its_words(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("not bad")
    page.get_by_role("button", name="Score").click()
    page.get_by_role("alert").get_by_text("a token is needed").wait_for()


def test_texts_stay_texts(page: Page) -> None:
    page.get_by_label("Token, if this server asks for one").fill(TOKEN)
    for text in ATTACKS[:8]:
        page.get_by_label("Text", exact=True).fill(text)
        with page.expect_response("**/v1/score"):
            page.get_by_role("button", name="Score").click()
