"""The pages of logs and alerts: figures of the windows asked for, rules muted and fired, and texts that are tried."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from darse.errors import AdapterError
from darse.monitor.alerts import Standing
from darse.monitor.guard import Guard
from darse.store.open import open_store
from darse.ui.shelf import Shelf
from darse.ui.tryout import Tryout
from tests.conftest import SmallStudy
from tests.monitor.test_watching import usual
from tests.report.parsed import parse
from tests.serve.serving import TASK, FakeScorer
from tests.ui.shelves import ADAPTER, DAY, Site, keep_log, keep_study, site

RULES = """
rules:
  - {name: unhappy, metric: share, label: bad, alert: 0.7}
  - {name: "slow <b>", metric: latency_p95_s, warning: 0.2, alert: 1.0}
"""
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    keep_log(folder / "darse-traffic.db")
    (folder / "alerts.yaml").write_text(RULES, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pages(folder: Path) -> Iterator[Site]:
    with site(folder, rules=folder / "alerts.yaml", wait_s=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def log(pages: Site) -> str:
    return f"/served/{pages.key('darse-traffic')}"


def data(pages: Site, log: str, chart: str, query: str) -> list[list[str]]:
    answer = pages.client.get(f"{log}/{chart}.csv?{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text)))


def test_logs_are_listed_and_a_store_without_texts_is_not(folder: Path, tmp_path: Path) -> None:
    keep_study(tmp_path / "study")
    with site(folder, tmp_path) as opened:
        text = parse(opened.page("/served")).text
        assert "darse-traffic" in text
        assert "study" not in re.findall(r'class="tabs".*?</nav>', opened.page("/served"), re.DOTALL)[0]
    with site(tmp_path) as empty:
        assert "No store here has texts" in empty.page("/served")


def test_windows_have_the_figures_of_their_texts(pages: Site, log: str) -> None:
    rows = data(pages, log, "texts", f"window=6h&windows=5&until={int(DAY) - 1}")
    assert rows[0] == ["from (UTC)", "texts"]
    assert len(rows) == 6
    assert sum(int(row[1].replace(",", "")) for row in rows[1:]) == 30 * 40
    labels = data(pages, log, "labels", f"window=1h&windows=2&until={int(DAY) - 1}")
    assert labels[0][1:] == ["bad", "good"]
    assert labels[1][1:] == ["50.0 %", "50.0 %"]
    errors = data(pages, log, "errors", f"window=1h&windows=2&until={int(DAY) - 1}")
    assert errors[1][1:] == ["20.0 %", "0.0 %"]
    accuracy = data(pages, log, "accuracy", f"window=1h&windows=2&until={int(DAY) - 1}")
    assert accuracy[1][1] == "50.0 %"


def test_every_chart_of_a_log_has_data_and_they_stay_when_time_goes_on(pages: Site, log: str) -> None:
    html = pages.page(f"{log}?until={int(DAY) - 1}&theme=dark")
    sources = [unescape(one) for one in re.findall(r'data-src="([^"]+)"', html)]
    assert len(sources) == 9
    for source in sources:
        assert f"until={int(DAY) - 1}" in source
        assert pages.client.get(source).json()["figure"]["data"]
    assert f"until={int(DAY)}" not in unescape(pages.page(log))


def test_a_span_without_texts_says_so(pages: Site, log: str) -> None:
    assert "Nothing was answered in these windows." in pages.page(f"{log}?until=1000000")
    assert "chart-texts" not in pages.page(f"{log}?as=canary&until={int(DAY)}")
    for query in ("windows=99999999999", "windows=0", "window=1s", "as=x", "until=-5", "until=" + "9" * 50):
        pages.page(f"{log}?{query}")


def test_what_is_not_summed_in_time_is_said(folder: Path) -> None:
    with site(folder, wait_s=1e-9) as hurried:
        path = f"/served/{hurried.key('darse-traffic')}?windows=30&until={int(DAY)}"
        assert "windows are not summed up yet" in hurried.page(path)


def test_drift_is_told_where_it_is_known_what_is_usual(tmp_path: Path) -> None:
    log = keep_log(tmp_path / "log.db", hours=3, texts=200)
    with site(log) as opened:
        path = f"/served/{opened.key('log')}?until={int(DAY) - 1}"
        assert f"Nothing is known to be usual of adapter {ADAPTER[:12]}" in opened.page(path)
        with open_store(log) as store:
            store.traffic.keep_usual(ADAPTER, usual().as_json())
        text = parse(opened.page(path)).text
        assert "mix of labels" in text
        assert "drifted" in text


def standing(log: Path, rule: str) -> Standing:
    with open_store(log) as store:
        return Standing.from_json(store.traffic.alert(rule))


def test_a_rule_is_muted_heard_again_and_nothing_else_changes(pages: Site, log: str, folder: Path) -> None:
    with open_store(folder / "darse-traffic.db") as store:
        store.traffic.set_alert("gone", {}, Standing(level="alert", since=DAY, value=0.9).model_dump())
    html = pages.page(f"{log}/alerts")
    assert html.index("gone") < html.index("unhappy"), "the worst stands first"
    assert "1 of 3 rules are not well" in html
    assert "slow &lt;b&gt;" in html
    before = standing(folder / "darse-traffic.db", "unhappy")
    answer = pages.client.post(f"{log}/alerts/mute", content="rule=unhappy&span=8h", headers=FORM)
    assert answer.status_code == 200
    assert "unhappy is silent for 8h." in answer.text
    muted = standing(folder / "darse-traffic.db", "unhappy")
    assert muted == before.model_copy(update={"muted_until": muted.muted_until})
    assert muted.muted_until > DAY / 1e6
    assert "Let it be heard" in pages.page(f"{log}/alerts")
    pages.client.post(f"{log}/alerts/mute", content="rule=unhappy&span=", headers=FORM)
    assert "Let it be heard" not in pages.page(f"{log}/alerts")


@pytest.mark.parametrize(
    "form", ["", "rule=nobody&span=1h", "rule=unhappy&span=10y", "rule=gone&span=1h", "rule=%ff&span=1h"]
)
def test_what_no_rule_is_called_or_no_span_is_says_so(pages: Site, log: str, form: str) -> None:
    answer = pages.client.post(f"{log}/alerts/mute", content=form, headers=FORM)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_a_test_reaches_the_targets_and_a_failure_is_told(
    pages: Site, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fired: list[str] = []
    monkeypatch.setattr(Guard, "try_out", lambda self, name, now: fired.append(name))
    answer = pages.client.post(f"{log}/alerts/test", content="rule=unhappy", headers=FORM)
    assert (answer.status_code, fired) == (200, ["unhappy"])
    assert "Every target was told of unhappy, as a test." in answer.text


def test_without_rules_nothing_can_be_done(folder: Path) -> None:
    with site(folder) as opened:
        path = f"/served/{opened.key('darse-traffic')}/alerts"
        assert "<button" not in opened.page(path)
        answer = opened.client.post(f"{path}/mute", content="rule=unhappy&span=1h", headers=FORM)
        assert answer.status_code == 422
        assert "start `darse ui` with --rules" in answer.text


@pytest.fixture(scope="module")
def trying(small_study: SmallStudy) -> Iterator[tuple[Site, list[Path]]]:
    """The pages of a real study, whose adapter is scored by a fake that says how often it was loaded."""
    loaded: list[Path] = []

    def open_scorer(folder: Path) -> FakeScorer:
        loaded.append(folder)
        return FakeScorer()

    shelf = Shelf([str(small_study.folder)])
    with site(small_study.folder, tryout=Tryout(shelf, 100, open_scorer)) as opened:
        yield opened, loaded


def tried(pages: Site, **fields: str) -> tuple[int, str]:
    key = pages.key("out")
    body = {"adapter": key, **fields}
    answer = pages.client.post("/try", data=body, headers={"accept": "text/html"})
    return answer.status_code, answer.text


def test_a_text_is_tried_and_its_adapter_loaded_once(trying: tuple[Site, list[Path]], small_study: SmallStudy) -> None:
    pages, loaded = trying
    assert "<option" in pages.page("/try")
    assert loaded == []
    for text in ("not bad", "x" * 100):
        status, html = tried(pages, text=text)
        said = FakeScorer().expected(text)
        assert status == 200
        assert f"{said.label}, score" in html
        assert f">{text}</textarea>" in html.replace("\n", "")
    assert loaded == [small_study.folder / "adapter"]
    assert TASK.classes[0] in html


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": ""}, "text 1 has 0 characters"),
        ({"text": "x" * 101}, "the text has 101 characters; 100 is the most"),
        ({"text": "good", "adapter": "../../etc"}, "there is no adapter"),
        ({"text": "a\0b"}, "NUL"),
    ],
)
def test_what_cannot_be_tried_says_why(trying: tuple[Site, list[Path]], fields: dict[str, str], said: str) -> None:
    status, html = tried(trying[0], **fields)
    assert status == 422
    assert said in unescape(html)


def test_an_adapter_that_cannot_be_loaded_is_an_error_of_one_line(small_study: SmallStudy) -> None:
    def refuse(folder: Path) -> FakeScorer:
        raise AdapterError(f"{folder} is damaged")

    with site(small_study.folder, tryout=Tryout(Shelf([str(small_study.folder)]), 100, refuse)) as opened:
        status, html = tried(opened, text="good")
        assert status == 422
        assert "is damaged" in html


def test_a_study_without_an_adapter_offers_none(tmp_path: Path) -> None:
    keep_study(tmp_path / "one")
    with site(tmp_path) as opened:
        assert "No study here has an adapter" in opened.page("/try")


def test_the_real_adapter_of_a_study_is_scored_as_on_the_command_line(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    from darse.cli.main import run

    assert run(["score", str(small_study.folder / "adapter"), "--text", "not bad at all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with site(small_study.folder) as opened:
        _, html = tried(opened, text="not bad at all")
    assert f"{told['label']}, score {told['score']:.4g}" in html
