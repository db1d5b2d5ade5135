"""The pages of studies: what they say is what was found, links lead somewhere, data can be taken away."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest

from darse.report.facts import VERDICT_WORDS
from darse.report.key_figures import key_figures
from darse.report.page import render_report
from darse.store.evaluations import BaselineRow, GateRow
from darse.store.open import open_store
from darse.ui.listing import PAGE
from darse.ui.views import VIEWS
from tests.report.parsed import parse
from tests.report.samples import SHAPES, a_result
from tests.ui.shelves import Kept, Site, keep_study, site

RESULT = a_result(SHAPES["joint task"])
OTHER = a_result(SHAPES["24 layers, classes"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def finished(folder: Path) -> Kept:
    return keep_study(folder / "finished", RESULT)


@pytest.fixture(scope="module")
def running(folder: Path) -> Kept:
    return keep_study(folder / "running", a_result(SHAPES["72 modules"]), name="goes on", state="running", queued=4)


@pytest.fixture(scope="module")
def pages(folder: Path, finished: Kept, running: Kept) -> Iterator[Site]:
    keep_study(folder / "other", OTHER, name="other")
    with site(folder) as opened:
        yield opened


def links_of(html: str) -> set[str]:
    """Where a page leads, and what it loads."""
    return {unescape(one) for one in re.findall(r'(?:href|src|action|data-src|data-live)="([^"]*)"', html)}


def test_every_page_that_is_linked_is_there_and_whole(pages: Site, finished: Kept) -> None:
    seen, waiting = set[str](), {"/", pages.study(finished)}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = pages.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        page = parse(answer.text)
        assert [tag for tag, _ in page.tags].count("h1") == 1
        found = links_of(answer.text) - {"data:,"}
        assert [one for one in found if not one.startswith(("/", "#"))] == [], "nothing points elsewhere"
        # one page of each kind is enough
        new = {one for one in found if not one.startswith("#") and "theme=" not in one and "/live" not in one}
        kinds = {re.sub(r"[0-9a-f]{8,}|\?.*", "", one) for one in seen | waiting}
        for one in sorted(new):
            if (kind := re.sub(r"[0-9a-f]{8,}|\?.*", "", one)) not in kinds:
                kinds.add(kind)
                waiting.add(one)
    assert len(seen) > 30


def test_the_list_says_of_each_study_what_its_store_says(pages: Site) -> None:
    text = parse(pages.page("/")).text
    for words in ("goes on", "running", VERDICT_WORDS[RESULT.verdict.verdict], VERDICT_WORDS[OTHER.verdict.verdict]):
        assert words in text
    assert "3 of 3 studies" in text
    assert "1 of 3 studies" in parse(pages.page("/?state=running")).text
    assert "1 of 3 studies" in parse(pages.page("/?q=GOES")).text
    names = re.findall(r'<td><a href="[^"]+">([^<]+)</a>', pages.page("/?sort=name&way=down"))
    assert names == sorted(names, key=str.casefold, reverse=True)


def test_a_finished_study_opens_with_its_verdict_and_key_figures(pages: Site, finished: Kept) -> None:
    text = parse(pages.page(pages.study(finished))).text
    assert " ".join(RESULT.verdict.sentence.split()) in text
    for one in key_figures(RESULT):
        assert one.value in text
        assert one.label in text


def test_every_chart_of_the_report_is_on_some_page_with_the_same_data(pages: Site, finished: Kept) -> None:
    report = parse(render_report(RESULT)).data("charts")
    found: dict[str, object] = {}
    for view in VIEWS:
        html = pages.page(pages.study(finished, *(() if view.name == "overview" else (view.name,))))
        for source in re.findall(r'data-src="([^"]+)"', html):
            told = pages.client.get(unescape(source)).json()
            found[told["name"]] = told["figure"]
    assert {name: found.get(name) for name in report} == report


def test_the_data_of_a_chart_are_its_table(pages: Site, finished: Kept) -> None:
    path = pages.study(finished, "size", "frontier")
    told = pages.client.get(f"{path}.json").json()
    answer = pages.client.get(f"{path}.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="frontier.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == told["table"]["columns"]
    assert rows[1:] == told["table"]["rows"]
    html = pages.page(pages.study(finished, "size"))
    assert all(f"<td>{row[0]}</td>" in html for row in rows[1:])


def test_a_page_about_findings_says_that_there_are_none_yet(pages: Site, running: Kept) -> None:
    assert "nothing to show here before it is finished" in pages.page(pages.study(running, "ranks"))
    assert pages.client.get(pages.study(running, "size", "frontier.json")).status_code == 404


def test_a_running_study_shows_its_trials_so_far_and_is_read_again(pages: Site, running: Kept) -> None:
    html = pages.page(pages.study(running))
    assert "stage coarse (2 of 5)" in html
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in html
    assert f'data-live="{pages.study(running, "live")}"' in html
    told = pages.client.get(pages.study(running, "overview", "trajectory.json")).json()
    points = sum(len(trace["x"]) for trace in told["figure"]["data"][:-1])
    assert points == len(running.trials) - 5, "four wait, one has failed"
    assert {trace["name"].partition(":")[0] for trace in told["figure"]["data"]} >= {"calibrate", "coarse"}


def test_trials_are_paged_and_sorted_by_the_database(pages: Site, running: Kept) -> None:
    path = pages.study(running, "trials")

    def shown(query: str) -> list[list[str]]:
        rows = re.findall(r"<tr><td.*?</tr>", pages.page(f"{path}?{query}"), re.DOTALL)
        return [
            [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
            for row in rows
        ]

    first, last = shown("sort=score"), shown("sort=score&way=down&page=1")
    scores = [float(row[4]) for row in first]
    assert len(first) == PAGE
    assert scores == sorted(scores)
    assert shown("state=failed")[0][3] == "failed"
    assert last[0][4] == f"{max(trial.outcome.score for trial in a_result(SHAPES['72 modules']).trials):#.5g}"
    numbers = [row[0] for page in range(1, 9) for row in shown(f"page={page}")]
    assert numbers[: len(running.trials)] == [str(one) for one in range(1, len(running.trials) + 1)]


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=" + "9" * 400, "page=1e9", "page=%00", "sort=x&way=y", "page=٣", "&" * 999]
)
def test_a_query_that_makes_no_sense_shows_the_usual_page_or_the_last(pages: Site, running: Kept, query: str) -> None:
    assert "Page" in pages.page(f"{pages.study(running, 'trials')}?{query}")


def test_all_trials_can_be_taken_away(pages: Site, finished: Kept) -> None:
    rows = list(csv.DictReader(io.StringIO(pages.client.get(pages.study(finished, "trials.csv")).text)))
    told = json.loads(pages.client.get(pages.study(finished, "trials.json")).text)
    assert [row["trial"] for row in rows] == [one["trial"] for one in told] == list(finished.trials)
    assert [float(row["score"]) for row in rows] == [one["score"] for one in told]
    assert pages.client.get(pages.study(finished, "trials.exe")).status_code == 404


def test_one_trial_has_its_facts_ranks_and_curve(pages: Site, finished: Kept) -> None:
    trial = finished.trials[0]
    text = parse(pages.page(pages.study(finished, "trials", trial))).text
    assert trial in text
    assert "full run" in text
    curve = pages.client.get(pages.study(finished, "trials", trial, "curve.json")).json()
    assert len(curve["table"]["rows"]) == RESULT.settings.train.epochs
    assert RESULT.sites[0].name in pages.page(pages.study(finished, "trials", trial))
    assert pages.client.get(pages.study(finished, "trials", "0" * 32)).status_code == 404


def test_studies_stand_side_by_side_and_the_address_says_which(pages: Site, finished: Kept, running: Kept) -> None:
    key = f"{pages.key('finished')}:{finished.study}"
    text = parse(pages.page(f"/compare?study={key}&study={pages.key('other')}:{OTHER.study}")).text
    for result in (RESULT, OTHER):
        assert all(one.value in text for one in key_figures(result))
    assert "Of another number of sites" in text
    assert "test rows differ" not in text, "the samples stand on the same data"
    assert f'value="{key}" checked' in pages.page(f"/compare?study={key}")
    told = parse(pages.page(f"/compare?study={key}&study={pages.key('running')}:{running.study}&study=no:no")).text
    assert "goes on" in told
    assert "has no result yet" in told
    assert "there is no store &#39;no&#39;" in told or "there is no store 'no'" in told


def test_the_history_has_every_study_and_says_what_cannot_be_read(pages: Site, tmp_path: Path) -> None:
    html = pages.page("/history")
    text = parse(html).text
    assert all(name in text for name in (RESULT.name, "goes on", "other"))
    assert len(re.findall(r'data-src="(/history/[^"]+)"', html)) > 0
    for source in re.findall(r'data-src="([^"]+)"', html):
        assert pages.client.get(unescape(source)).json()["figure"]["data"]
    broken = keep_study(tmp_path / "broken", name="broken")
    with closing(sqlite3.connect(broken.folder / "study.db")) as connection, connection:
        connection.execute(
            "UPDATE darse_trials SET body = replace(body, ':0.', ':1.') WHERE id = ?", [broken.trials[3]]
        )
    with site(tmp_path) as opened:
        assert "does not fit its digest" in parse(opened.page("/history")).text


def test_layers_are_shown_of_a_finished_study_and_of_one_that_goes_on(
    pages: Site, finished: Kept, running: Kept
) -> None:
    text = parse(pages.page(pages.study(finished, "layers"))).text
    assert all(site.name in text for site in RESULT.sites)
    assert "Agreement" not in text
    pages.page(pages.study(running, "layers"))


def test_names_and_gates_are_listed_newest_first(tmp_path: Path) -> None:
    facts = {"name": "reviews <b>v2</b>", "adapter": "f" * 64, "study": "s" * 16, "ranks": {}}
    checks = [
        {"name": "quality", "outcome": "passed", "sentence": "not worse"},
        {"name": "slice lang=de", "outcome": "failed", "sentence": "worse by 0.1"},
    ]
    with open_store(tmp_path / "darse-traffic.db") as store:
        for at, note in enumerate(("earlier", "later")):
            store.evaluations.set_baseline(BaselineRow(1000.0 + at, "prod", {"facts": facts, "note": note}))
        store.evaluations.set_baseline(BaselineRow(1002.0, "odd", {"facts": ["no", "table"]}))
        store.evaluations.add_gate(GateRow(2000.0, "prod", "passed", {"candidate": "v1", "checks": "none"}))
        store.evaluations.add_gate(
            GateRow(3000.0, "prod", "failed", {"candidate": "v3", "data": "d", "checks": checks})
        )
    with site(tmp_path) as opened:
        html = opened.page("/gates")
        text = parse(html).text
        assert "reviews &lt;b&gt;v2" in html
        assert text.index("later") < text.index("Every time that a name was given") < text.index("earlier")
        assert text.index("v3") < text.index("v1")
        assert "slice lang=de" in text
        assert "worse by 0.1" in text
    with site(keep_study(tmp_path / "empty").folder) as opened:
        assert "No gate was held yet" in opened.page("/gates")


def test_the_theme_is_said_by_the_address_and_then_kept(pages: Site) -> None:
    assert '<html lang="en">' in pages.page("/")
    assert 'data-theme="dark"' in pages.page("/?theme=dark")
    assert 'data-theme="dark"' in pages.page("/compare")
    assert 'data-theme="light"' in pages.page("/?theme=light")
    assert "data-theme" not in pages.page("/?theme=system")
    assert "data-theme" not in pages.page("/?theme=%22onload=")


def test_what_a_browser_keeps_for_ever_is_named_by_its_content(pages: Site) -> None:
    found = sorted(one for one in links_of(pages.page("/compare")) if one.startswith("/static/"))
    assert len(found) == 2
    for path in found:
        answer = pages.client.get(path)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        assert pages.client.get(path, headers={"accept-encoding": "identity"}).content == answer.content
    assert pages.client.get("/static/ui.py").status_code == 404


def test_a_study_that_begins_later_is_there(tmp_path: Path) -> None:
    with site(tmp_path) as opened:
        assert "0 of 0 studies" in opened.page("/")
        keep_study(tmp_path / "new", name="brand new")
        assert "brand new" in opened.page("/")


def test_a_damaged_study_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    good, row, whole = (keep_study(tmp_path / name, name=name) for name in ("good", "row", "whole"))
    with closing(sqlite3.connect(row.folder / "study.db")) as connection, connection:
        connection.execute("UPDATE darse_studies SET body = replace(body, 'finished', 'stopped')")
    content = (whole.folder / "study.db").read_bytes()
    (whole.folder / "study.db").write_bytes(b"\0" * 100 + content[100:])
    with site(tmp_path) as opened:
        html = parse(opened.page("/")).text
        assert f"Study {row.study} of row is damaged" in html
        assert "whole:" in html
        assert opened.client.get(opened.study(good)).status_code == 200
        answer = opened.client.get(opened.study(row), headers={"accept": "text/html"})
        assert answer.status_code == 500
        assert "does not fit its digest" in parse(answer.text).text
        assert "is not a store" in opened.client.get(opened.study(whole)).json()["error"]["message"]


def test_a_trial_that_is_damaged_hides_no_other(tmp_path: Path) -> None:
    kept = keep_study(tmp_path / "one")
    with closing(sqlite3.connect(kept.folder / "study.db")) as connection, connection:
        connection.execute("UPDATE darse_trials SET body = replace(body, ':0.', ':1.') WHERE id = ?", [kept.trials[3]])
    with site(tmp_path) as opened:
        html = opened.page(opened.study(kept, "trials"))
        assert html.count("damaged") == 1
        assert "does not fit its digest" in parse(opened.page(opened.study(kept, "trials", kept.trials[3]))).text
        assert opened.client.get(opened.study(kept, "ranks")).status_code == 500
