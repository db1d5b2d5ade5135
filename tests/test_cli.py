"""The command line as a user meets it: output, exit codes, one line for an error."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from darse import publish
from darse.api import open_study
from darse.archive import open_archive
from darse.cli import explore
from darse.cli.main import run
from darse.data.write import write_rows
from darse.errors import Interrupted
from darse.ranks.plan import RankPlan, Weight
from darse.ranks.sites import find_sites
from darse.report.facts import named_plans
from darse.search.controls import controls_for, option_name
from darse.settings import Settings
from darse.store.journal import Journal
from darse.store.open import open_study_store
from darse.store.protocol import Event, StudyRecord
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    "verb",
    [
        *("explore", "audit", "insights", "shrink", "score", "report", "export", "sites", "studies", "ui", "doctor"),
        *("layers", "history", "changes", "dump", "mirror"),
    ],
)
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
        (["explore", "demo", "--label-map", "[" * 100_000], "--label-map is not valid JSON"),
        (["explore", "demo", "--label-map", '{"1": "good", "1": "bad"}'], "a label stands in it twice"),
        (["explore", ""], "the name of the data is empty"),
        (["explore", "a\x1b[31m.csv"], "a\ufffd[31m.csv"),
        (["explore", "demo", "--granularity", "head"], "use layer, module or group:N"),
        (["score", "no-such-adapter", "--text", "x"], "no-such-adapter"),
        (["report", "no-such-folder"], "no-such-folder"),
        (["nonsense"], "No such command"),
        (["explore"], "Missing argument"),
        (
            ["export", "x", "--profile", "best"],
            "'best' is not one of 'native', 'padded', 'merged', 'onnx'; see: darse",
        ),
        (
            ["export", "x", "--data", "new.csv"],
            "the export needs no data for the profile native; drop --data, or use --profile onnx",
        ),
        (
            ["export", "x", "--as", "lora-config", "--profile", "merged"],
            "--as lora-config and --profile merged do not go together",
        ),
        (
            ["explore", "demo", "--epochs", "1.5"],
            "--epochs must be a whole number, got '1.5'; see: darse explore --help",
        ),
        (["explore", "demo", "--max-minutes", "soon"], "--max-minutes must be a number, got 'soon'"),
        (["explore", "demo", "--learning-rate", "fast"], "--learning-rate must be a number, got 'fast'"),
        (["explore", "README.md"], "README.md: there is no such file; check the path"),
        (["explore", "reviews.v2:part"], "reviews.v2:part: there is no such file"),
        (["score", "x", "--zzz"], "No such option: --zzz; see: darse score --help"),
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


def test_studies_of_all_folders_are_listed_in_the_folder_above(
    small_study: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("darse-reviews", "darse-headlines"):
        shutil.copytree(small_study.folder, tmp_path / name)
    with open_study_store(tmp_path / "darse-headlines") as store:
        store.register_study(StudyRecord("aa1", "of headlines", "context", {}, 0.0))
    (tmp_path / "notes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(["studies"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == ["darse-headlines:", "darse-reviews:"]
    assert sum("finished" in line for line in lines) == 2
    assert run(["studies", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["folder"] for one in listed] == ["darse-headlines", "darse-headlines", "darse-reviews"]
    assert run(["studies", "--study", "aa"]) == 0
    assert "of headlines" in capsys.readouterr().out
    assert run(["studies", "--study", "nothing"]) == 2
    assert "study 'nothing' is in none of the 2 folders" in _error(capsys)
    assert run(["studies", "--study", "out"]) == 2
    assert "study 'out' is in darse-headlines and darse-reviews; give the folder that is meant" in _error(capsys)
    assert run(["studies", "notes"]) == 2


def test_what_fits_several_studies_of_one_of_several_folders_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, keys in (("darse-reviews", ("aa1", "aa2")), ("darse-headlines", ("bb1",))):
        (tmp_path / folder).mkdir()
        with open_study_store(tmp_path / folder) as store:
            for key in keys:
                store.register_study(StudyRecord(key, "of everything", "context", {}, 0.0))
    monkeypatch.chdir(tmp_path)
    assert run(["studies", "--study", "aa"]) == 2
    assert "'aa' could be aa1, aa2; give an id, or more of it" in _error(capsys)


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
            store.register_study(StudyRecord(key, "reviews", "context", {}, 0.0))
    assert run([verb, str(tmp_path), "--study", "aa"]) == 2
    assert "'aa' could be aa1, aa2" in _error(capsys)


def test_report_can_be_written_again_from_the_store(small_study: SmallStudy, tmp_path: Path) -> None:
    page = tmp_path / "again.html"
    assert run(["report", str(small_study.folder), "-o", str(page)]) == 0
    assert page.read_bytes() == (small_study.folder / "report.html").read_bytes()


@pytest.mark.parametrize("arguments", [["report"], ["report", "--json"], ["export", "--as", "lora-config"]])
@pytest.mark.parametrize(
    ("state", "said"), [("stopped", "was continued and stopped"), ("running", "was continued and has not ended")]
)
def test_a_result_from_before_a_study_was_continued_is_told_to_be_so(
    arguments: list[str],
    state: str,
    said: str,
    small_study: SmallStudy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small_study.folder, folder)
    verb, *options = arguments
    assert run([verb, str(folder), *options]) == 0
    before = capsys.readouterr()
    assert before.err == ""
    with open_archive(folder, None) as store:
        (record,) = store.studies()
        store.set_study_state(record.id, state)
    assert run([verb, str(folder), *options]) == 0
    after = capsys.readouterr()
    assert after.out == before.out
    (line,) = after.err.splitlines()
    assert line.startswith(f"study {record.id} {said}: this is the result of the earlier search")


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


def test_lora_config_printed_as_python_or_json_is_that_of_the_study(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    from peft import LoraConfig

    study = open_study(small_study.folder)
    names = [option_name(plan.name) for plan in named_plans(study.result) if plan.plan.active]
    assert names[0] == "found-plan"
    assert len(names) > 1
    for name in names:
        wanted = study.lora_config(name).to_dict()
        chosen = ["export", str(small_study.folder), "--plan", name, "--as"]
        assert run([*chosen, "lora-config"]) == 0
        made: dict[str, object] = {}
        exec(capsys.readouterr().out, made)
        assert run([*chosen, "lora-config-json"]) == 0
        for config in (made["config"], LoraConfig(**json.loads(capsys.readouterr().out))):
            assert isinstance(config, LoraConfig)
            told = config.to_dict()
            # what is left to the reader's own training, as the printed source says
            adds = {"base_model_name_or_path", "task_type", "modules_to_save"}
            assert {one for one in wanted if told[one] != wanted[one]} <= adds
        assert len(wanted["target_modules"]) == len(wanted["rank_pattern"]) == len(wanted["alpha_pattern"]) > 0


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


def test_a_fast_export_says_how_far_it_agrees(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(small_study.folder), "--profile", "onnx", "-o", str(tmp_path / "fast")]) == 0
    told = capsys.readouterr()
    assert re.search(
        r"(in eight bits|in float32): \S+% of the labels equal, scores 0.0\d+ apart .* of validation", told.out
    )
    assert told.err == ""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["darse", "ex"], ["explore", "export"]),
        (["darse", "explore", "--st"], ["--strategy", "--store"]),
        (["darse", "explore", "demo", "--strategy", ""], ["auto", "greedy", "knapsack", "window"]),
        (["darse", "export", "study", "--as", "lora-config-"], ["lora-config-json"]),
    ],
)
def test_a_shell_is_told_how_a_word_goes_on(words: list[str], offered: list[str]) -> None:
    asked = {"_DARSE_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "darse"]
    done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == offered


def test_password_of_a_store_does_not_reach_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(explore, "run_explore", lambda *given, command, **named: seen.append(command))
    arguments = ["explore", "demo", "--store", "postgresql://ann:s3cret@db/darse"]
    monkeypatch.setattr("sys.argv", ["darse", *arguments])
    assert run(arguments) == 0
    assert "s3cret" not in seen[0]
    assert "***@db" in seen[0]


def test_preset_refuses_a_strategy_that_is_not_the_published_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "demo", "--preset", "paper", "--strategy", "window"]) == 2
    assert "--preset paper means --strategy greedy" in _error(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["explore", "nothing.csv"],
        ["explore", "../no/such"],
        ["explore", "demo", "--model", "./nowhere"],
        ["score", "nowhere", "--text", "x"],
        ["report", "nowhere"],
        ["studies", "nowhere"],
        ["export", "nowhere"],
    ],
)
def test_what_is_not_there_is_told_before_heavy_packages_are_loaded(arguments: list[str], tmp_path: Path) -> None:
    code = f"import sys; from darse.cli.main import run; code = run({arguments!r})"
    code += "; sys.exit(9 if 'torch' in sys.modules else code)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_study_given_for_its_adapter_is_answered_with_the_right_folder(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", str(small_study.folder), "--text", "x"]) == 2
    assert f"give {small_study.folder / 'adapter'}" in _error(capsys)


def test_a_wrong_option_is_named_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "demo", "--max-minutes", "0", "--learning-rate", "-1"]) == 2
    said = _error(capsys)
    assert "--max-minutes must be above 0, got 0" in said
    assert "--learning-rate must be above 0, got -1" in said


def test_help_shows_the_default_of_every_option_that_has_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    search, train = Settings().search, Settings().train
    rates = [f"{rate:.0e}".replace("e-0", "e-") for rate in search.learning_rates]
    assert f"({', '.join(rates[:-1])} and {rates[-1]})" in told
    for number in (search.max_rank, search.seeds, search.seed, search.margin, train.epochs, train.batch_size):
        assert f"({number})" in told
    for name in (search.evaluator, search.strategy, search.granularity, search.objective, search.preset):
        assert f"{name} (default" in told
    assert "minilm (bundled, default)" in told
    assert "(darse-FILE" in told


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_first_signal_while_the_files_are_written_ends_the_command_as_stopped(
    number: signal.Signals, code: int, small_study: SmallStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "write_report", lambda result, path: os.kill(os.getpid(), number))
    assert run(["explore", str(small_study.source), *small_study.options]) == code


def test_the_help_of_export_names_every_control_that_a_study_can_have(capsys: pytest.CaptureFixture[str]) -> None:
    sites = find_sites([Weight(f"l.{layer}.q", 8, 8, layer) for layer in range(4)])
    names: set[str] = set()
    for plan in (RankPlan((0, 2, 1, 0)), RankPlan((2,) * 4)):
        layer_wise = RankPlan((0, 4, 4, 0))
        found = controls_for(plan, sites, best_uniform=RankPlan((4,) * 4), best_layer_wise=layer_wise, seed=0)
        names |= {option_name(control.name) for control in found}
    assert len(names) == 5
    assert run(["export", "--help"]) == 0
    told = "".join(capsys.readouterr().out.split())
    assert all(name in told for name in names)


def test_a_stop_is_named_as_people_call_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*given: object, **named: object) -> None:
        raise Interrupted(signal.SIGINT, "what to do")

    monkeypatch.setattr(explore, "run_explore", stop)
    assert run(["explore", "demo"]) == 130
    assert _error(capsys) == "darse: stopped by Ctrl-C; what to do\n"


def test_studies_of_one_folder_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_study_store(tmp_path, None) as store:
        for key, rate, asked in (("aa1", 1e-3, "darse"), ("aa2", 2e-3, "mine.f")):
            search = {"learning_rates": [rate], "seeds": 3, "evaluator": "finetune"}
            settings = {"search": search, "data_sha256": "d" * 64, "evaluator": asked}
            store.register_study(StudyRecord(key, "reviews", "context", settings, 0.0))
        store.put_finding("aa1", "verify", {"plan": [0, 4]})
        Journal(store, "aa1").finish(verdict="smaller")
    assert run(["studies", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "finished" in told
    assert "smaller" in told
    assert "plan 0 4" in told
    assert "learning rates 0.001" in told
    assert "learning rates 0.002" in told
    assert "evaluator darse" in told
    assert "evaluator mine.f" in told
    assert "seeds" not in told
    assert "search.evaluator" not in told


def test_next_command_of_a_study_with_targets_names_one(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "company": "Acme" if place % 2 else "Birch"} for place, row in enumerate(labelled_rows(60))]
    write_rows(tmp_path / "in.csv", list(rows[0]), rows)
    options = ["--model", str(tiny_bert), "--seeds", "2", "--epochs", "1", "--max-rank", "2", "--max-trials", "1"]
    options += ["--label", "label", "--target", "company", "--out", str(tmp_path / "out"), "--quiet"]
    assert run(["explore", str(tmp_path / "in.csv"), *options]) == 0
    assert capsys.readouterr().out.rstrip().endswith('adapter --text "..." --target "..."')
    write_rows(tmp_path / "new.csv", ["text", "company"], [{"text": "good", "company": "Acme"}])
    scored = ["score", str(tmp_path / "out" / "adapter"), str(tmp_path / "new.csv"), "-o", str(tmp_path / "o.csv")]
    assert run(scored) == 0
    assert capsys.readouterr().err == "columns: text = 'text', target = 'company'\n"
