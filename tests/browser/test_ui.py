"""The pages in a real browser: drawn, quiet, offline, on a phone, in the dark, from the keyboard, live, and guarded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from darse.store.open import open_store
from darse.ui.run import Ui
from darse.ui.settings import ui_settings
from darse.ui.shelf import Shelf
from tests.attacks.test_report_texts import ATTACKS
from tests.browser.chromium import NEEDS_CHROMIUM
from tests.browser.test_report import EMPTY, OVERFLOW
from tests.report.samples import SHAPES, a_result, with_texts
from tests.serve.serving import WAIT_S
from tests.store.samples import an_outcome
from tests.ui.shelves import BEGUN, DAY, Kept, keep_log, keep_study

TIMEOUT_MS = 20_000
TOKEN = "a-token-of-sixteen-characters"
RULES = "rules: [{name: unhappy, metric: share, label: bad, alert: 0.7}]\n"
STYLES = "Applying inline style violates"
"""What Chromium says of a style that plotly.js tries to set; the charts do without."""

pytestmark = NEEDS_CHROMIUM


@dataclass
class Running:
    """Pages that are there, and what they are about."""

    address: str
    shelf: Shelf
    finished: Kept
    running: Kept
    hostile: Kept

    def study(self, kept: Kept, *more: str) -> str:
        """The path of a page of a study."""
        key = next(one.key for one in self.shelf.stores() if one.folder == kept.folder)
        return "/".join((f"/studies/{key}/{kept.study}", *more))

    @property
    def log(self) -> str:
        """The path of the log."""
        return f"/served/{next(one.key for one in self.shelf.stores() if one.title == 'darse-traffic')}"


@contextmanager
def started(*places: Path, **options: object) -> Iterator[tuple[str, Shelf]]:
    rules = options.pop("rules", None)
    shelf = Shelf([str(place) for place in places])
    ui = Ui(shelf, ui_settings({"port": 0, "poll_s": 0.05, **options}), rules if isinstance(rules, Path) else None)
    thread = threading.Thread(target=ui.run)
    thread.start()
    try:
        yield ui.address, shelf
    finally:
        ui.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("pages")
    keep_log(folder / "darse-traffic.db", hours=6)
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    texts = [one.replace("\0", "") for one in ATTACKS]
    kept = [
        keep_study(folder / "finished", a_result(SHAPES["joint task"])),
        keep_study(folder / "running", a_result(SHAPES["six layers, score"]), state="running", queued=3),
        keep_study(folder / "hostile", with_texts(a_result(SHAPES["joint task"]), texts), name=texts[2]),
    ]
    with started(folder, rules=folder / "rules.yaml") as (address, shelf):
        yield Running(address, shelf, *kept)


@dataclass
class Opened:
    """A tab, with everything that it said and asked of others."""

    page: Page
    said: list[str] = field(default_factory=list)


@pytest.fixture
def tab(browser: Browser, server: Running) -> Iterator[Callable[..., Opened]]:
    """Opens pages; at the end none of them may have complained or asked anybody else."""
    contexts: list[BrowserContext] = []
    opened: list[Opened] = []

    def open_one(path: str, *, width: int = 1280, scheme: Any = "light", address: str = "", js: bool = True) -> Opened:
        own = address or server.address
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=js
        )
        contexts.append(context)
        one = Opened(context.new_page())
        opened.append(one)
        page = one.page
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: one.said.append(str(error)))
        page.on("dialog", lambda dialog: one.said.append(dialog.message))
        page.on("console", lambda told: one.said.append(told.text) if told.type == "error" else None)
        page.on("request", lambda asked: one.said.extend([] if asked.url.startswith((own, "data:")) else [asked.url]))
        page.goto(own + path)
        if js:
            page.wait_for_selector("html[data-drawn]")
        return one

    yield open_one
    for context in contexts:
        context.close()
    for one in opened:
        assert [said for said in one.said if STYLES not in said and "401" not in said] == []


def paths(server: Running) -> dict[str, str]:
    """A page of each kind."""
    finished = server.finished
    views = {name: server.study(finished, name) for name in ("ranks", "size", "sensitivity")}
    pair = "&".join(f"study={server.study(one).split('/')[2]}:{one.study}" for one in (finished, server.hostile))
    return {
        "studies": "/", "overview": server.study(finished), **views, "trials": server.study(finished, "trials"),
        "trial": server.study(finished, "trials", finished.trials[0]), "live": server.study(server.running),
        "layers": server.study(finished, "layers"),
        "history": "/history", "gates": "/gates", "compare": f"/compare?{pair}",
        "served": f"{server.log}?until={int(DAY) - 1}", "alerts": f"{server.log}/alerts", "try": "/try",
    }  # fmt: skip


AXE = find_spec("axe_playwright_python")
ON_A_PHONE = {"studies", "overview", "size", "trials", "live", "served", "alerts"}
RUN_AXE = "axe.run(document, {resultTypes: ['violations']})"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_every_page_is_drawn_fits_the_screen_and_has_no_fault_that_axe_knows(
    server: Running, tab: Callable[..., Opened], width: int, scheme: str
) -> None:
    # where axe-playwright-python is not installed (it is in the extra test) axe is not asked
    axe = AXE and files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page = tab("/", width=width, scheme=scheme).page
    for name, path in paths(server).items():
        if width < 400 and name not in ON_A_PHONE:
            continue
        page.goto(server.address + path)
        page.wait_for_selector("html[data-drawn]")
        assert page.evaluate(EMPTY) == [], name
        assert page.evaluate(OVERFLOW) == [], name
        if axe:
            page.evaluate(axe)
            faults = page.evaluate(RUN_AXE)["violations"]
            assert [(one["id"], [node["html"][:120] for node in one["nodes"][:2]]) for one in faults] == [], name


def test_the_keyboard_reaches_the_content_a_table_and_a_link(server: Running, tab: Callable[..., Opened]) -> None:
    page = tab("/").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.tagName + ' ' + (document.activeElement.name || '')").strip()
        )
    assert reached[:4] == ["INPUT q", "SELECT state", "BUTTON", "DIV"]
    page.get_by_role("link", name="financial-headlines").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*/*")
    assert page.get_by_role("heading", level=1).inner_text() == "financial-headlines"
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details table").first.is_visible()


def test_the_theme_is_chosen_by_a_link_and_charts_follow(server: Running, tab: Callable[..., Opened]) -> None:
    page = tab(server.study(server.finished, "ranks")).page
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.xtick text')).fill"
    light = page.evaluate(ground), page.evaluate(ink)
    page.get_by_role("link", name="Dark").click()
    page.wait_for_selector("html[data-theme=dark][data-drawn]")
    assert page.evaluate(ground) != light[0]
    assert page.evaluate(ink) != light[1]
    page.goto(f"{server.address}/compare")
    assert page.locator("html[data-theme=dark]").count() == 1


def test_a_running_study_is_followed_without_reading_the_page_again(
    server: Running, tab: Callable[..., Opened]
) -> None:
    page = tab(server.study(server.running)).page
    finished = page.locator("[data-field=finished]")
    before = int(finished.inner_text())
    page.evaluate("window.isSame = true")
    with open_store(server.running.folder / "study.db") as store:
        for _ in range(2):
            lease = store.claim(server.running.study, "w-3", now=BEGUN, lease_s=60.0)
            assert lease is not None
            store.finish(lease, an_outcome(-1), now=BEGUN + 1)
        finished.get_by_text(str(before + 2), exact=True).wait_for()
        assert page.locator("[data-field=best]").inner_text() == "-0.9"
        store.set_study_state(server.running.study, "finished")
        page.get_by_role("link", name="Show what it found").wait_for()
        store.set_study_state(server.running.study, "running")
    assert page.evaluate("window.isSame")


def test_without_scripts_every_table_is_there_and_a_running_study_is_read_again(
    server: Running, tab: Callable[..., Opened]
) -> None:
    page = tab(server.study(server.finished, "size"), js=False).page
    page.locator("summary").first.click()
    assert page.get_by_role("table", name="Candidates and plans trained in full").is_visible()
    assert "its data are in the table below" in (page.locator("#chart-frontier").text_content() or "")
    page.goto(server.address + server.study(server.running))
    assert page.locator("noscript meta[http-equiv=refresh], head meta[http-equiv=refresh]").count() == 1


def test_no_hostile_text_runs_loads_or_leads_elsewhere(server: Running, tab: Callable[..., Opened]) -> None:
    page = tab("/").page
    for view in ("", "ranks", "sensitivity", "quality"):
        page.goto(server.address + server.study(server.hostile, *filter(None, [view])))
        page.wait_for_selector("html[data-drawn]")
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("[...document.links].every(one => one.origin === location.origin)")
        assert page.evaluate("[...document.querySelectorAll('svg a')].length") == 0


def test_a_rule_is_muted_by_a_form_of_the_page(server: Running, tab: Callable[..., Opened]) -> None:
    page = tab(f"{server.log}/alerts").page
    page.get_by_label("How long unhappy is silent").select_option("8h")
    page.get_by_role("button", name="Mute unhappy").click()
    page.get_by_role("status").get_by_text("unhappy is silent for 8h.").wait_for()
    page.get_by_role("button", name="Let it be heard again: unhappy").click()
    page.get_by_role("status").get_by_text("unhappy is heard again.").wait_for()


def test_a_token_lets_somebody_in_and_the_page_that_was_asked_for_opens(
    server: Running, tab: Callable[..., Opened]
) -> None:
    with started(server.finished.folder, token=TOKEN) as (address, shelf):
        key = shelf.stores()[0].key
        page = tab(f"/studies/{key}/{server.finished.study}/ranks", address=address, js=False).page
        assert page.locator("#chart-ranks").count() == 0
        page.get_by_role("textbox", name="Token").fill("not the token")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("This token is wrong").wait_for()
        page.get_by_role("textbox", name="Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{server.finished.study}/ranks")
        assert page.locator("#chart-ranks").count() == 1
