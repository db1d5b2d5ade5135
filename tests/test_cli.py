"""The command line as a user meets it: output, exit codes, one line for an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darse.archive import open_archive
from darse.cli.main import run
from darse.store.protocol import Event, StudyRecord
from darse.study import open_study_store
from tests.conftest import SmallStudy


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize("verb", ["explore", "score", "report", "export", "sites", "studies", "doctor"])
def test_every_verb_explains_itself_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    _, _, examples = capsys.readouterr().out.partition("\n  Examples:\n")
    assert all(line.startswith(f"    darse {verb}") for line in examples.splitlines())
    assert examples


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explore", "nothing.csv"], "nothing.csv"),
        (["explore", "demo", "--seeds", "1"], "seeds"),
        (["explore", "demo", "--budget", "lots"], "is no budget"),
        (["explore", "demo", "--model", "./no/such/model"], "no/such/model"),
        (["explore", "demo", "--label-map", "{"], "--label-map is not valid JSON"),
        (["explore", "demo", "--granularity", "head"], "use layer, module or group:N"),
        (["score", "no-such-adapter", "--text", "x"], "no-such-adapter"),
        (["report", "no-such-folder"], "no-such-folder"),
        (["nonsense"], "No such command"),
        (["explore"], "Missing argument"),
        (["export", "x", "--profile", "best"], "'best' is not one of 'native', 'padded', 'merged'; see: darse export"),
        (["score", "x", "--frobnicate"], "No such option: --frobnicate; see: darse score --help"),
        (["studies", "--store", "typo.db"], "there is no store typo.db"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert said in _error(capsys)


def test_store_that_cannot_be_opened_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "study.db").write_bytes(b"not a database" * 100)
    assert run(["studies", str(tmp_path)]) == 3
    assert "study.db" in _error(capsys)


def test_several_wrong_settings_are_reported_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "demo", "--seeds", "1", "--epochs", "0"]) == 2
    said = _error(capsys)
    assert "seeds" in said
    assert "epochs" in said


def test_studies_lists_the_finished_study(small_study: SmallStudy, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["studies", str(small_study.folder), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["state"] == "finished"
    assert listed["trials"] > 10


def test_studies_shows_the_history_of_one(small_study: SmallStudy, capsys: pytest.CaptureFixture[str]) -> None:
    with open_archive(small_study.folder, None) as store:
        (record,) = store.studies()
        store.add_event(record.id, Event(0.0, "limit", {"part": "search", "max_trials": 4, "max_minutes": None}))
        store.add_event(record.id, Event(60.0, "stage", {"stage": "fine", "seconds": 1 / 3}))
    assert run(["studies", str(small_study.folder), "--study", record.id[:6]]) == 0
    said = capsys.readouterr().out
    assert f"study    {record.id}" in said
    assert "state    finished" in said
    assert "  1970-01-01 00:00:00  limit     max trials 4, part search\n" in said
    assert "  1970-01-01 00:01:00  stage     seconds 0.3333, fine\n" in said
    assert run(["studies", str(small_study.folder), "--study", record.id[:6], "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["search"]["seeds"] == 2
    assert [event["kind"] for event in shown["events"][-2:]] == ["limit", "stage"]


@pytest.mark.parametrize("verb", ["studies", "report", "export"])
def test_beginning_of_several_ids_is_refused(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_study_store(tmp_path, None) as store:
        for key in ("aa1", "aa2"):
            store.open_study(StudyRecord(key, "reviews", "context", {}, 0.0))
    assert run([verb, str(tmp_path), "--study", "aa"]) == 2
    assert "'aa' could be aa1, aa2" in _error(capsys)


def test_report_can_be_written_again_from_the_store(small_study: SmallStudy, tmp_path: Path) -> None:
    page = tmp_path / "again.html"
    assert run(["report", str(small_study.folder), "-o", str(page)]) == 0
    assert page.read_bytes() == (small_study.folder / "report.html").read_bytes()


def test_sites_prints_what_a_rank_costs(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sites", str(tiny_bert), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["sites"]
    assert [site["unit_cost"] for site in listed] == [224] * 4


def test_doctor_checks_machine_packages_and_model(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--model", str(tiny_bert), "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)
    assert {"python", "torch", "model", "disk"} <= {check["what"] for check in checks}


def test_doctor_names_a_bad_model_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--model", "./nowhere"]) == 1
    assert "BAD  model" in capsys.readouterr().out


def test_json_output_is_one_object_a_line(
    tiny_bert: Path, small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [option for option in small_study.options if option != "--quiet"]
    assert run(["explore", str(small_study.source), *options, "--json"]) == 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events[0] == "data"
    assert events[-1] == "verdict"


def test_changed_setting_is_noticed_and_explained(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [option for option in small_study.options if option != "--quiet"]
    place = options.index("--out")
    options[place + 1] = str(tmp_path / "out")
    assert run(["explore", str(small_study.source), *options, "--max-trials", "3"]) == 0
    capsys.readouterr()
    assert run(["explore", str(small_study.source), *options, "--max-trials", "3", "--seed", "1"]) == 0
    said = capsys.readouterr().err
    assert "Something changed" in said
    assert "the limit has ended the search; the rest of it is for the proof" in said
    assert "search.seed: 0 -> 1" in said


def test_lora_config_of_the_plan_is_what_peft_reads(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    from peft import LoraConfig

    verdict = json.loads((small_study.folder / "verdict.json").read_text())
    assert run(["export", str(small_study.folder), "--as", "lora-config-json"]) == 0
    values = json.loads(capsys.readouterr().out)
    config = LoraConfig(**values)
    assert config.r == max(verdict["plan"].values())


@pytest.mark.parametrize("profile", ["native", "padded", "merged"])
def test_every_profile_can_be_exported_later_and_scores_alike(
    small_study: SmallStudy, tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(small_study.folder), "--profile", profile, "-o", str(tmp_path / profile)]) == 0
    capsys.readouterr()
    said = []
    for adapter in (tmp_path / profile, small_study.folder / "adapter"):
        assert run(["score", str(adapter), "--text", "great service", "--json"]) == 0
        said.append(json.loads(capsys.readouterr().out)["score"])
    assert said[0] == pytest.approx(said[1], abs=1e-5)


def test_password_of_a_store_does_not_reach_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from darse.cli import explore

    seen: list[str] = []
    monkeypatch.setattr(explore, "run_explore", lambda *given, command, **named: seen.append(command))
    arguments = ["explore", "demo", "--store", "postgresql://ann:s3cret@db/darse"]
    monkeypatch.setattr("sys.argv", ["darse", *arguments])
    assert run(arguments) == 0
    assert "s3cret" not in seen[0]
    assert "ann:***@db" in seen[0]


def test_preset_refuses_a_strategy_that_is_not_the_published_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "demo", "--preset", "paper", "--strategy", "window"]) == 2
    assert "--preset paper means --strategy greedy" in _error(capsys)
