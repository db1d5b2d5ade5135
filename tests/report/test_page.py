"""The report: what it says, in which order, and that it needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from dataclasses import replace
from typing import Any

import pytest

from darse.report.facts import VERDICT_WORDS
from darse.report.page import render_report
from darse.report.theme import DARK, LIGHT
from darse.search.result import Result
from tests.report.parsed import Page, parse
from tests.report.samples import SHAPES, a_result, with_many_trials

LIMIT_BYTES = 6_000_000
SHAPE_NAMES = sorted(SHAPES)


@pytest.fixture(params=SHAPE_NAMES)
def result(request: pytest.FixtureRequest) -> Result:
    return a_result(SHAPES[request.param])


def page_of(name: str) -> Page:
    return parse(render_report(a_result(SHAPES[name])))


def test_the_samples_show_all_four_verdicts() -> None:
    assert {a_result(shape).verdict.verdict for shape in SHAPES.values()} == set(VERDICT_WORDS)


def test_the_verdict_stands_before_every_section_and_every_figure(result: Result) -> None:
    html = render_report(result)
    order = [html.index('class="badge"'), html.index('class="sentence"'), html.index('id="key-figures"')]
    titles = re.findall(r'<section id="([\w-]+)"', html)
    assert order == sorted(order)
    assert titles[:3] == ["key-figures", "effects", "ranks"]
    assert titles[-1] == "reproduce"
    assert " ".join(result.verdict.sentence.split()) in parse(html).text


def test_every_heading_is_followed_by_a_sentence_that_says_how_to_read_it(result: Result) -> None:
    html = render_report(result)
    assert html.count("<h2") == len(re.findall(r"</h2>\s*<p class=\"lead\">[^<]{20,}</p>", html))


def test_every_trial_is_listed(result: Result) -> None:
    html = render_report(result)
    table = html[html.index('<section id="trials"') : html.index('<section id="failures"')]
    assert table.count("<tr>") == len(result.trials) + 1
    assert all(f"<td>{trial.id[:8]}</td>" in table or f">{trial.id[:8]}<" in table for trial in result.trials)


def test_thousands_of_trials_stay_under_the_limit_of_six_megabytes() -> None:
    html = render_report(with_many_trials(a_result(SHAPES["72 modules"]), 8000))
    assert len(html.encode()) < LIMIT_BYTES


def test_the_page_is_small_and_the_same_result_gives_the_same_bytes(result: Result) -> None:
    html = render_report(result)
    assert html == render_report(Result.from_json(result.to_json()))
    assert len(html.encode()) < LIMIT_BYTES / 2


def test_nothing_on_the_page_points_outside(result: Result) -> None:
    page = parse(render_report(result))
    loading = {"src", "srcset", "data", "action", "formaction", "poster", "background", "ping"}
    for _, attributes in page.tags:
        assert not loading & set(attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    assert "http" not in re.sub(
        r'<script type="text/plain".*?</script>|http-equiv', "", render_report(result), flags=re.S
    )
    assert "url(" not in render_report(result)
    assert "@import" not in render_report(result)


def test_only_the_two_scripts_named_by_their_hashes_may_run() -> None:
    page = page_of("joint task")
    (policy,) = (attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes and tag == "meta")
    own = [content for attributes, content in page.scripts if "type" not in attributes]
    (packed,) = (content for attributes, content in page.scripts if attributes.get("id") == "plotly")
    bundle = zlib.decompress(base64.b64decode(packed)).decode()
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (*own, bundle)]
    assert "default-src 'none'" in policy
    assert re.findall(r"sha256-([^']+)", policy) == digests
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy


def test_every_chart_has_a_caption_a_label_and_a_table_of_its_data(result: Result) -> None:
    html = render_report(result)
    page, figures = parse(html), re.findall(r"<figure>.*?</figure>", html, flags=re.S)
    plots = [attributes for tag, attributes in page.tags if attributes.get("class") == "plot"]
    assert len(plots) == len(figures) == len(page.data("charts")) >= 4
    for plot, figure in zip(plots, figures, strict=True):
        assert plot["role"] == "img"
        assert len(plot["aria-label"]) > 15
        assert re.search(r"<figcaption>[^<]{20,}</figcaption>", figure)
        assert figure.count("<details>") == figure.count("<table") == 1
        assert figure.count("<tr>") > 1


def test_ids_are_unique_and_every_link_leads_somewhere(result: Result) -> None:
    page = parse(render_report(result))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    links = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    assert len(ids) == len(set(ids))
    assert links <= set(ids)


def test_a_limited_study_says_so_before_its_figures() -> None:
    text = page_of("limited").text
    assert text.index("ended the search early") < text.index("Key figures")
    assert "ended the search early" not in page_of("joint task").text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("72 modules", "order plans poorly: correlation 0.31 over 9 plans"),
        ("joint task", "rests on only 3 plans"),
        ("limited", "is unknown: only 2 plans could be compared"),
    ],
)
def test_a_weak_or_hardly_checked_proxy_is_a_plain_warning(name: str, words: str) -> None:
    text = page_of(name).text
    assert words in text
    assert text.index(words) < text.index("Key figures")


def test_a_sound_proxy_is_explained_without_a_warning() -> None:
    text = page_of("24 layers, classes").text
    assert "the two orders correlate at 0.81 (1 is the same order, 0 is no relation)" in text
    assert "The cheap estimate" not in text


def test_failed_trials_are_counted_at_the_top_and_listed_with_reasons() -> None:
    text = page_of("failures").text
    assert text.index("4 trials failed; the reasons are listed") < text.index("Key figures")
    assert "loss became infinite in epoch 3" in text


def test_an_own_evaluator_has_no_data_and_no_test_metrics_and_the_page_says_why() -> None:
    text = page_of("own evaluator").text
    assert "there is no test split and no adapter to judge here" in text
    assert "nothing was read here" in text


def test_a_uniform_finding_has_no_control_to_compare_with() -> None:
    page = page_of("uniform found")
    assert "There is no control to compare with" in page.text
    assert "effects" not in page.data("charts")


def test_controls_that_were_never_trained_leave_the_plan_unproved() -> None:
    result = a_result(SHAPES["limited"])
    text = parse(render_report(replace(result, verdict=replace(result.verdict, controls=())))).text
    assert "no control was trained before the search ended, so nothing is proved about the plan" in text


def test_modules_are_shown_as_a_matrix_of_modules_and_layers() -> None:
    page = page_of("72 modules")
    charts = page.data("charts")
    assert {"modules-found-plan", "modules-shuffled"} <= set(charts)
    figure: Any = charts["modules-found-plan"]
    assert [len(row) for row in figure["data"][0]["z"]] == [12] * 6


def test_unfinished_scores_are_gaps_and_not_numbers() -> None:
    result = a_result(SHAPES["six layers, score"])
    fine = result.findings.fine
    assert fine is not None
    broken = replace(
        result, findings=replace(result.findings, fine=replace(fine, curve={**fine.curve, 12: float("inf")}))
    )
    page = parse(render_report(broken))
    assert "Infinity" not in str(page.data("charts"))
    assert "12 not measured" in page.text


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [("ink", "page"), ("soft", "surface"), ("soft", "page"), ("accent", "surface"), ("caution_ink", "caution")]
    + [("on_badge", verdict) for verdict in VERDICT_WORDS],
)
def test_text_has_the_contrast_that_wcag_asks_for(palette: dict[str, str], front: str, back: str) -> None:
    brighter, darker = sorted((_luminance(palette[front]), _luminance(palette[back])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
