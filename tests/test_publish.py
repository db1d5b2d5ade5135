"""What people take away of a study: any of its plans, from a base model wherever that lies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import darse
from darse import api, publish
from darse.api import Predictor, Study
from darse.choice import choose_plan, choose_run
from darse.cli.main import run
from darse.errors import AdapterError, InputError, ModelError
from darse.model.manifest import read_manifest
from darse.plan_source import plan_as_json, plan_as_python, write_plan
from darse.ranks.plan import RankPlan, is_uniform, ranks_by_weight
from darse.report.facts import NamedPlan, named_plans
from darse.search.controls import option_name
from darse.search.result import Result
from darse.settings import Profile
from darse.store.open import open_study_store
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.report.samples import SHAPES, Shape, a_result
from tests.tiny import save_model


@pytest.fixture(scope="module")
def study(small_study: SmallStudy) -> Study:
    return darse.open_study(small_study.folder)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_plan_of_a_study_is_found_by_the_name_that_the_sentence_gives_it(shape: str) -> None:
    result = a_result(SHAPES[shape])
    for plan in named_plans(result):
        assert choose_plan(result, option_name(plan.name)) == choose_plan(result, plan.name) == plan
    assert choose_plan(result, None).plan == result.plan
    assert choose_plan(result, "uniform") == choose_plan(result, "best-uniform")
    assert is_uniform(choose_plan(result, "uniform").plan, result.sites)


def test_a_plan_that_the_study_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match="no plan 'tpe'; it has found-plan, best-uniform, uniform-of-equal-cost"):
        choose_plan(a_result(), "tpe")


def test_a_worse_plan_comes_with_the_command_that_exports_the_better_one() -> None:
    result = a_result(Shape(verdict="worse"))
    name = result.verdict.sentence.partition("--plan ")[2].split()[0].rstrip(".")
    rival = choose_plan(result, name)
    assert f"Use {rival.name} instead" in result.verdict.sentence
    assert json.loads(plan_as_json(result, rival))["r"] == max(rival.plan)


def test_the_run_of_a_control_is_its_best_on_validation() -> None:
    result = a_result()
    control = choose_plan(result, "shuffled")
    assert choose_run(result, control).outcome.score == min(run.outcome.score for run in control.runs)


def test_a_control_that_was_not_trained_cannot_be_exported() -> None:
    plan = named_plans(a_result())[1]
    with pytest.raises(InputError, match="best uniform was not trained"):
        choose_run(a_result(), type(plan)(plan.name, plan.plan, plan.cost, ()))


def test_an_exported_control_has_its_own_ranks_card_and_scores(study: Study, tmp_path: Path) -> None:
    folder = study.export(tmp_path / "control", plan="best-uniform")
    plan = choose_plan(study.result, "best-uniform")
    ranks = ranks_by_weight(plan.plan, study.result.sites)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == sorted(ranks)
    about = read_manifest(folder).about
    assert (about["name"], about["plan"]) == ("best uniform", list(plan.plan))
    card = (folder / "README.md").read_text()
    assert "this adapter is its control best uniform" in card
    assert f"{plan.cost:,} trainable parameters" in card
    assert "metric on test" not in card
    (ours,) = Predictor.open(folder).predict(["great service"])
    (found,) = study.model().predict(["great service"])
    assert ours != found


def test_command_line_exports_a_control_beside_the_adapter(
    small_study: SmallStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(small_study.folder), "--plan", "shuffled"]) == 0
    folder = small_study.folder / "adapter-shuffled-native"
    assert str(folder) in capsys.readouterr().out
    assert read_manifest(folder).about["name"] == "shuffled"
    shutil.rmtree(folder)


def test_a_base_model_that_moved_is_given_by_hand(study: Study, tiny_bert: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(tiny_bert, tmp_path / "moved")
    out = tmp_path / "adapter"
    assert run(["export", str(study.folder), "--base", str(moved), "-o", str(out)]) == 0
    manifest = read_manifest(out)
    assert manifest.base_name == str(moved)
    assert repr(str(moved)) in (out / "README.md").read_text()
    (said,) = study.model(base=str(moved)).predict(["great service"])
    assert Predictor.open(out).predict(["great service"])[0].label == said.label


def test_a_base_model_of_other_weights_is_refused(study: Study, tmp_path: Path) -> None:
    other = save_model("roberta", tmp_path / "roberta")
    with pytest.raises(ModelError, match="not those of the study; give the right model with --base"):
        study.export(tmp_path / "adapter", base=str(other))


def test_a_merged_export_says_in_a_plain_pipeline_what_darse_says(tiny_bert: Path, tmp_path: Path) -> None:
    from transformers import pipeline

    rows = [{"text": row["text"], "label": row["label"]} for row in labelled_rows(60)]
    options = {"epochs": 1, "seeds": 2, "max_rank": 2, "max_trials": 1, "max_length": 12}
    study = darse.explore(rows, model=str(tiny_bert), out=tmp_path / "out", **options)  # type: ignore[arg-type]  # a table of settings
    folder = study.export(tmp_path / "merged", "merged")
    texts = ["great service", "late and broken " * 40]
    said = pipeline("text-classification", model=str(folder), truncation=True)(texts)
    ours = Predictor.open(folder).predict(texts)
    assert [one["label"] for one in said] == [one.label for one in ours]
    assert [one["score"] for one in said] == pytest.approx([max(one.probabilities.values()) for one in ours], abs=1e-5)


def test_a_study_gives_its_plan_as_a_lora_config(study: Study) -> None:
    config = study.lora_config()
    assert config.r == max(study.plan.values())
    assert study.lora_config("best-uniform").r == max(choose_plan(study.result, "best-uniform").plan)
    assert sorted(config.target_modules) == sorted(ranks_by_weight(study.result.plan, study.result.sites))


@pytest.mark.parametrize("write", [plan_as_json, plan_as_python])
def test_a_plan_is_written_over_an_earlier_one_alone(
    write: Callable[[Result, NamedPlan], str], study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "plan"
    for name in (None, "shuffled", "shuffled"):
        write_plan(path, write(study.result, choose_plan(study.result, name)))
    written = path.read_text()
    changed = {
        "more of it": written + "\nprint(config)\n",
        "a comment before it": f"# mine\n{written}",
        "a script": "import torch\n",
        "other settings": json.dumps({"epochs": 3}) + "\n",
        "nothing": "",
        "no text": "\x00\ud800",
    }
    for content in changed.values():
        path.write_bytes(content.encode(errors="surrogatepass"))
        with pytest.raises(InputError, match="is no earlier export or was changed since; choose another -o, or move"):
            write_plan(path, written)
        assert path.read_bytes() == content.encode(errors="surrogatepass")


@pytest.mark.parametrize("kind", ["lora-config", "lora-config-json"])
def test_exporting_a_plan_leaves_files_of_others_alone(
    kind: str, small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.py"
    command = ["export", str(small_study.folder), "--as", kind, "-o", str(path)]
    assert run(command) == run(command) == 0
    path.write_text("my own")
    assert run(command) == 2
    assert "choose another -o" in capsys.readouterr().err
    assert path.read_text() == "my own"


@pytest.mark.parametrize("name", ["uniform", "best-uniform"])
def test_a_control_that_is_what_was_found_goes_by_the_name_it_was_asked_for(
    name: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = study.result.sites
    uniform = replace(study.result, plan=RankPlan.uniform(sites, 2))
    monkeypatch.setattr(api, "find_result", lambda *given, **where: uniform)
    folder = shutil.copytree(study.folder, tmp_path / "study")
    assert run(["export", str(folder), "--plan", name]) == 0
    assert (folder / "adapter-best-uniform-native" / "darse.json").is_file()
    assert not (folder / "adapter-native").exists()


def test_a_plan_as_python_says_how_the_study_has_trained_it(study: Study) -> None:
    made: dict[str, object] = {}
    result = study.result
    verified = result.findings.verify
    assert verified is not None
    for place, plan in enumerate(named_plans(result)):
        if not plan.plan.active:
            continue
        exec(plan_as_python(result, plan), made)
        assert made["LEARNING_RATE"] == verified.learning_rates[place]
        assert {run.spec.learning_rate for run in plan.runs} == {made["LEARNING_RATE"]}
    train, search = result.settings.train, result.settings.search
    assert (made["EPOCHS"], made["BATCH_SIZE"], made["SEED"]) == (train.epochs, train.batch_size, search.seed)
    assert (made["WARMUP_FRACTION"], made["MAX_LENGTH"]) == (train.warmup_fraction, 64)


@pytest.mark.parametrize("profile", ["native", "merged"])
def test_exported_files_keep_to_the_umask(profile: Profile, study: Study, tmp_path: Path) -> None:
    folder = study.export(tmp_path / "exported", profile)
    plain = tmp_path / "plain"
    plain.touch()
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert set(modes.values()) == {plain.stat().st_mode & 0o777}, modes


@pytest.mark.parametrize("first", [2020, 100_000])
def test_scores_far_from_zero_are_exported_too(first: int, tmp_path: Path, tiny_bert: Path) -> None:
    rows = [{"text": f"text number {number} of many", "score": first + number % 5} for number in range(80)]
    study = darse.explore(
        rows, score="score", out=tmp_path, model=str(tiny_bert), epochs=1, seeds=2, max_rank=2, max_trials=1
    )
    (score,) = study.model().scores(["text number 3 of many"])
    assert abs(score - first) < 100, "it is in the units of the scores"


def test_an_adapter_that_fails_its_proof_is_noted_in_the_study_and_so_is_its_passing_again(
    small_study: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(small_study.folder, folder)
    study = darse.open_study(folder)
    with monkeypatch.context() as patch:
        patch.setattr(publish, "TOLERANCE", -1.0)
        with pytest.raises(AdapterError, match="its outputs differ"):
            study.export(tmp_path / "adapter")
    for place in ("again", "once more"):
        study.export(tmp_path / place)
    with open_study_store(folder) as store:
        noted = [event.detail["is_good"] for event in store.events(study.result.study) if event.kind == "reload"]
    assert noted == [False, True]
