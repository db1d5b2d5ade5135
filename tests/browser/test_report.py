"""The report in a real browser: drawn, quiet, offline, in both themes and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from darse.report.page import render_report
from tests.attacks.test_report_texts import ATTACKS
from tests.browser.chromium import NEEDS_CHROMIUM
from tests.report.samples import SHAPES, a_result, cut_short, with_many_trials, with_texts

TIMEOUT_MS = 20_000
EMPTY = """[...document.querySelectorAll('.plot')]
    .filter(plot => ![...plot.querySelectorAll('.cartesianlayer path, .cartesianlayer image')]
        .some(mark => mark.getBoundingClientRect().width > 2))
    .map(plot => plot.id)"""
"""Charts that show nothing."""
OVERFLOW = """[document.documentElement, ...document.querySelectorAll('.plot svg')]
    .filter(one => Math.max(one.scrollWidth, one.getBoundingClientRect().right) > innerWidth + 1)
    .map(one => one.outerHTML.slice(0, 80))"""
"""What is wider than the screen."""

pytestmark = NEEDS_CHROMIUM


@dataclass
class Opened:
    """A report in a tab, with everything that it said and asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports, on disk as a user has them."""
    folder = tmp_path_factory.mktemp("reports")
    results = {name: a_result(shape) for name, shape in SHAPES.items()}
    results["hostile"] = with_texts(a_result(SHAPES["joint task"]), ATTACKS)
    for sites in (0, 2):
        results[f"cut short, {sites} sites"] = cut_short(a_result(SHAPES["six layers, score"]), sites=sites)
    results["many"] = with_many_trials(a_result(SHAPES["six layers, score"]), 1200)
    paths = {name: folder / f"{place}.html" for place, name in enumerate(results)}
    for name, result in results.items():
        paths[name].write_text(render_report(result), encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def desk(browser: Browser, files: dict[str, Path]) -> Iterator[Opened]:
    """A report on a desk, in the dark; tests leave it as they find it."""
    opened = open_report(browser, files["failures"], scheme="dark")
    yield opened
    assert opened.errors == []
    assert opened.requests == []
    opened.page.close()


def open_report(browser: Browser, path: Path, *, width: int = 1280, scheme: str = "light") -> Opened:
    """Open a file with every request but its own refused and counted."""
    colours = {"light": "light", "dark": "dark"}
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme=colours[scheme],  # type: ignore[arg-type]  # one of the two names
    )
    opened = Opened(page)

    def refuse(route: Route) -> None:
        if route.request.url == path.as_uri():
            route.continue_()
        else:
            opened.requests.append(route.request.url)
            route.abort()

    page.route("**/*", refuse)
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("dialog", lambda dialog: opened.errors.append(dialog.message))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=TIMEOUT_MS)
    return opened


@pytest.mark.parametrize("name", ["72 modules", "own evaluator", "uniform found"])
def test_every_chart_is_drawn_and_fits_without_an_error_or_a_request(
    name: str, browser: Browser, files: dict[str, Path]
) -> None:
    opened = open_report(browser, files[name], width=400, scheme="dark")
    page = opened.page
    assert page.locator(".plot").count() >= 4
    assert page.evaluate(EMPTY) == []
    assert page.evaluate(OVERFLOW) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_selector("html[data-drawn='1280']", timeout=TIMEOUT_MS)
    assert page.evaluate(EMPTY) == []
    assert page.evaluate(OVERFLOW) == []
    assert opened.errors == []
    assert opened.requests == []
    page.close()


@pytest.mark.parametrize("sites", [0, 2])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_study_that_was_cut_short_is_drawn_whole_on_a_phone(
    sites: int, scheme: str, browser: Browser, files: dict[str, Path]
) -> None:
    opened = open_report(browser, files[f"cut short, {sites} sites"], width=390, scheme=scheme)
    page = opened.page
    assert page.locator(".plot").count() == (6 if sites else 4)
    assert page.evaluate(EMPTY) == []
    assert page.evaluate(OVERFLOW) == []
    assert opened.errors == []
    ticks = page.locator("#chart-trajectory .xtick text").all_text_contents()
    assert ticks == ["1", "2"]
    page.close()


def test_a_chart_that_cannot_be_drawn_says_so_and_takes_no_other_with_it(browser: Browser, tmp_path: Path) -> None:
    html = render_report(a_result(SHAPES["six layers, score"]))
    path = tmp_path / "broken.html"
    path.write_text(re.sub(r'"uniform":\{"data":\[', '"uniform":{"data":[null,', html, count=1), encoding="utf-8")
    opened = open_report(browser, path, width=390)
    assert "could not be drawn" in (opened.page.locator("#chart-uniform").text_content() or "")
    assert opened.page.evaluate(EMPTY) == ["chart-uniform"]
    assert opened.errors != []
    opened.page.close()


def test_the_telling_columns_of_a_trial_are_on_a_phone_without_scrolling(
    browser: Browser, files: dict[str, Path]
) -> None:
    page = open_report(browser, files["72 modules"], width=390).page
    right = "document.querySelectorAll('#trials thead th')[3].getBoundingClientRect().right"
    assert page.evaluate(right) <= 390
    page.close()


def test_no_hostile_text_runs_loads_becomes_a_link_or_widens_the_page(browser: Browser, files: dict[str, Path]) -> None:
    opened = open_report(browser, files["hostile"], width=400)
    page = opened.page
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("[...document.querySelectorAll('a, svg a')].every(a => a.getAttribute('href')[0] === '#')")
    assert page.evaluate(EMPTY) == []
    assert page.evaluate(OVERFLOW) == []
    assert opened.errors == []
    assert opened.requests == []
    page.close()


def test_the_theme_follows_the_system_and_the_button(desk: Opened) -> None:
    page = desk.page
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    dark = page.evaluate(ground), page.evaluate(ink)
    page.get_by_role("button", name="Light theme").focus()
    page.keyboard.press("Enter")
    light = page.evaluate(ground), page.evaluate(ink)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    page.get_by_role("button", name="Dark theme").click()
    assert (page.evaluate(ground), page.evaluate(ink)) == dark


def test_a_heading_sorts_the_trials_by_value_and_back(desk: Opened) -> None:
    page = desk.page
    heading = page.locator("#trials th", has_text="validation loss")
    scores = "[...document.querySelectorAll('#trials tbody tr')].map(row => Number(row.cells[2].textContent))"
    before = page.evaluate(scores)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert page.evaluate(scores) == sorted(before)
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert page.evaluate(scores) == sorted(before, reverse=True)


def test_pointing_at_a_mark_tells_its_values(desk: Opened) -> None:
    page = desk.page
    page.locator("#chart-uniform").scroll_into_view_if_needed()
    mark = page.locator("#chart-uniform .scatterlayer .point").first.bounding_box()
    assert mark is not None
    page.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    page.wait_for_selector("#chart-uniform .hoverlayer .hovertext", timeout=TIMEOUT_MS)
    assert "rank 1: " in (page.locator("#chart-uniform .hovertext").text_content() or "")


def test_the_table_of_a_chart_opens_with_the_keyboard(desk: Opened) -> None:
    page = desk.page
    assert not page.locator("#effects details table").is_visible()
    page.locator("#effects summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#effects details table").is_visible()


def test_thousands_of_trials_are_shown_in_part_sorted_as_a_whole_and_shown_in_full_on_demand(
    browser: Browser, files: dict[str, Path]
) -> None:
    page = open_report(browser, files["many"]).page
    shown = "[...document.querySelectorAll('#trials tbody tr')].filter(row => !row.hidden)"
    assert page.evaluate(f"{shown}.length") == 300
    for _ in range(2):
        page.locator("#trials th", has_text="no.").get_by_role("button").click()
    assert page.evaluate(f"[...{shown}[0].cells].at(-2).textContent") == "1200"
    assert page.evaluate(f"{shown}.length") == 300
    page.get_by_role("button", name="Show all 1,200 rows").click()
    assert page.evaluate(f"{shown}.length") == 1200
    page.close()


def test_printing_is_light_and_fits_the_paper(browser: Browser, files: dict[str, Path]) -> None:
    opened = open_report(browser, files["joint task"], scheme="dark")
    page = opened.page
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    widths = page.evaluate("[...document.querySelectorAll('.plot > .plot-container svg')].map(svg => svg.clientWidth)")
    assert max(widths) <= 680
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 36, 48)"
    assert opened.errors == []
    page.close()
