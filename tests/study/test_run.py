"""A whole study through the Python API and its files."""

from __future__ import annotations

import ast
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pytest
from numpy.typing import NDArray

import darse
from darse.api import Study
from darse.data.example import SplitName
from darse.errors import InputError, Interrupted, PlanError
from darse.evaluate.losses import Floats
from darse.execute.bench import Bench
from darse.execute.local import Watcher
from darse.execute.user import UserFunction, identity_of
from darse.model.weights import AdapterWeights
from darse.search.driver import Listener
from darse.search.history import is_run
from darse.search.kept_result import last_result
from darse.search.result import Result
from darse.search.stages import STAGES
from darse.settings import Options, as_option, settings_from_options
from darse.store.open import open_store, open_study_store
from darse.study.request import Audience, Request
from darse.study.run import run_study
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.postgres import fresh_schema

_QUICK: Options = {"seeds": 2, "epochs": 1, "max_rank": 2, "learning_rates": (3e-3,)}


def _explore(out: Path, *, store: str | None = None, **options: Unpack[Options]) -> Study:
    """A quick study of labelled rows."""
    every = Options(**_QUICK)
    every.update(options)
    return darse.explore(labelled_rows(80), out=out, store=store, **every)


def _result(study: SmallStudy) -> Result:
    with open_store(study.folder / "study.db") as store:
        result = last_result(store)
    assert result is not None
    return result


def _verdict(study: SmallStudy) -> dict[str, object]:
    found: dict[str, object] = json.loads((study.folder / "verdict.json").read_text())
    return found


def test_folder_holds_what_the_readme_promises(small_study: SmallStudy) -> None:
    names = {path.name for path in small_study.folder.iterdir()}
    assert {"study.db", "data-check.json", "verdict.json", "report.html", "adapter"} <= names


def test_verdict_file_has_every_promised_field(small_study: SmallStudy) -> None:
    verdict = _verdict(small_study)
    promised = "verdict sentence metric plan cost base_parameters noise_floor proxy_correlation controls valid test"
    assert {*promised.split(), "trials", "seconds"} <= verdict.keys()
    assert verdict["verdict"] in {"better", "smaller", "no_difference", "worse"}
    controls = verdict["controls"]
    assert isinstance(controls, list)
    for control in controls:
        assert {"name", "plan", "cost", "effect", "low", "high"} <= control.keys()
        assert control["low"] <= control["effect"] <= control["high"]


def test_result_survives_its_own_json(small_study: SmallStudy) -> None:
    result = _result(small_study)
    assert Result.from_json(result.to_json()) == result


def test_tiny_model_learns_words_that_carry_the_tone(small_study: SmallStudy) -> None:
    quality = _result(small_study).quality
    assert quality is not None
    assert quality.test["accuracy"] > 0.4  # of three classes
    assert quality.test["r2"] > 0


def test_same_request_again_runs_no_trial_and_finds_the_same(small_study: SmallStudy) -> None:
    from darse.cli.main import run

    before = _result(small_study)
    # as a kill leaves it that comes after a trial is stored
    left = small_study.folder / "checkpoints" / f"{before.trials[0].id}.safetensors"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"a snapshot")
    assert run(["explore", str(small_study.source), *small_study.options]) == 0
    assert not left.exists()
    after = _result(small_study)
    assert after.trials == before.trials
    assert after.verdict == before.verdict


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_finished_study_whose_store_is_given_by_its_address_is_found_whole(
    form: str, small_study: SmallStudy, tmp_path: Path
) -> None:
    from darse.cli.main import run

    folder = shutil.copytree(small_study.folder, tmp_path / "study")
    before = _story(folder)
    options = [*small_study.options, "--store", form.format(folder / "study.db"), "--out", str(tmp_path / "another")]
    assert run(["explore", str(small_study.source), *options]) == 0
    assert (tmp_path / "another" / "adapter" / "darse.json").is_file()
    assert not (folder / "study-artifacts").exists()
    assert _story(folder) == before


@pytest.mark.parametrize("limit", [{"max_trials": 1}, {"max_minutes": 0.001}, {"max_trials": 1, "max_minutes": 0.001}])
def test_a_finished_study_is_not_replaced_by_a_shorter_search(
    limit: Options, small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from darse.cli.main import run

    folder = shutil.copytree(small_study.folder, tmp_path / "study")
    before, told = _story(folder), (folder / "verdict.json").read_bytes()
    (folder / "verdict.json").unlink()
    options = [option for option in small_study.options if option != "--quiet"]
    options[options.index("--out") + 1] = str(folder)
    for name, value in limit.items():
        options += [as_option(name), str(value)]
    assert run(["explore", str(small_study.source), *options]) == 0
    assert "already finished; nothing to do but to write its files anew" in capsys.readouterr().err
    assert (folder / "verdict.json").read_bytes() == told
    assert _story(folder) == before


def test_a_study_that_a_limit_has_ended_goes_on_within_higher_ones_and_keeps_its_result_within_lower_ones(
    tmp_path: Path, tiny_bert: Path
) -> None:
    def explored(*, max_trials: int | None = None, max_minutes: float | None = None) -> Result:
        model = str(tiny_bert)
        return _explore(tmp_path, model=model, label="label", max_trials=max_trials, max_minutes=max_minutes).result

    first = explored(max_trials=4)
    assert explored(max_trials=3) == explored(max_trials=4) == explored(max_trials=4, max_minutes=0.001) == first
    assert explored(max_minutes=0.001) == first, "it leaves no room for all that was done"
    second = explored(max_trials=6)
    assert sum(map(is_run, (trial.spec for trial in second.trials))) > 4
    third = explored(max_minutes=60)
    assert not third.is_limited
    assert len(third.trials) > len(second.trials)
    assert explored() == explored(max_trials=4) == third


def test_a_longer_search_that_was_stopped_leaves_the_result_that_there_is(tmp_path: Path, tiny_bert: Path) -> None:
    settings = settings_from_options({**_QUICK, "model": str(tiny_bert), "label": "label", "max_trials": 4})
    request = Request(labelled_rows(80), settings, tmp_path)
    first = run_study(request, Audience()).result

    def stop() -> None:
        raise Interrupted(2)

    longer = settings_from_options({**_QUICK, "model": str(tiny_bert), "label": "label"})
    with pytest.raises(Interrupted):
        run_study(replace(request, settings=longer), Audience(trials=Watcher(check=stop)))
    assert _story(tmp_path)[0] == "stopped"
    assert run_study(request, Audience()).result == first
    state, more = _story(tmp_path)
    assert (state, more[-2:]) == ("finished", ["stopped", "finished"])


def test_a_result_that_this_version_cannot_read_is_written_anew(small_study: SmallStudy, tmp_path: Path) -> None:
    from darse.cli.main import run

    folder = shutil.copytree(small_study.folder, tmp_path / "study")
    with open_study_store(folder) as store:
        (record,) = store.studies()
        store.put_finding(record.id, "result", {"artifact": store.put_artifact(b"{}")})
    assert run(["explore", str(small_study.source), *small_study.options, "--store", str(folder / "study.db")]) == 0
    with open_study_store(folder) as store:
        assert last_result(store) == _result(small_study)


def test_a_finished_study_whose_artifacts_are_gone_is_an_error_and_stays_finished(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from darse.cli.main import run

    folder = shutil.copytree(small_study.folder, tmp_path / "study")
    shutil.rmtree(folder / "artifacts")
    before = _story(folder)
    assert run(["explore", str(small_study.source), *small_study.options, "--store", str(folder / "study.db")]) == 3
    assert "is missing; put its folder back beside the store, or restore it" in capsys.readouterr().err
    assert _story(folder) == before


def test_test_split_is_evaluated_once_for_each_trial_and_not_again_when_a_study_is_continued(
    tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[str] = []
    logits = Bench.logits

    def spied(self: Bench, weights: AdapterWeights, split: SplitName, *given: object, **more: object) -> Floats:
        touched.append(split)
        found: Floats = logits(self, weights, split, *given, **more)  # type: ignore[arg-type]  # passed on as it came
        return found

    monkeypatch.setattr(Bench, "logits", spied)
    study = _explore(tmp_path, model=str(tiny_bert))
    verified = study.result.findings.verify
    assert verified is not None
    runs = verified.runs(study.result.trials, 1)
    judged = {trial.id for own in runs.values() for trial in own}
    assert study.result.quality is not None
    assert touched.count("test") == len(judged | {study.result.quality.trial})
    touched.clear()
    _explore(tmp_path, model=str(tiny_bert))
    assert "test" not in touched


def test_what_was_judged_on_test_are_the_verdicts_runs_and_the_exported_adapter(small_study: SmallStudy) -> None:
    with open_store(small_study.folder / "study.db") as store:
        (record,) = store.studies()
        touched = [name.split()[1] for name in store.findings(record.id) if name.startswith("test ")]
    verified = _result(small_study).findings.verify
    assert verified is not None
    runs = verified.runs(_result(small_study).trials, _result(small_study).settings.train.epochs)
    judged = {trial.id for own in runs.values() for trial in own}
    quality = _result(small_study).quality
    assert quality is not None
    assert set(touched) == judged | {quality.trial}


def test_exported_adapter_is_the_best_on_validation_of_the_plans_runs_and_its_variants(small_study: SmallStudy) -> None:
    result = _result(small_study)
    verified = result.findings.verify
    assert verified is not None
    assert result.quality is not None
    scores = {trial.spec: trial.outcome.score for trial in result.trials}
    runs = verified.runs(result.trials, result.settings.train.epochs)[verified.plan]
    offered = [*(run.spec for run in runs), *verified.variants]
    assert set(verified.variants) <= scores.keys()
    chosen = next(trial for trial in result.trials if trial.id == result.quality.trial)
    assert chosen.outcome.score == min(scores[spec] for spec in offered)
    assert result.quality.valid == chosen.outcome.metrics


def test_two_folders_that_share_a_server_share_its_trials_and_artifacts(
    tmp_path: Path, tiny_bert: Path, postgres_server: str
) -> None:
    with fresh_schema(postgres_server) as address:
        first, second = (_explore(tmp_path / name, store=address, model=str(tiny_bert)) for name in ("first", "second"))
        assert second.result.trials == first.result.trials
        assert second.verdict == first.verdict
        texts = ["great service", "bad, late and rude"]
        assert str(second.model().predict(texts)) == str(first.model().predict(texts))
        with open_store(address) as store:
            finished = [trial.outcome.seconds for record in store.studies() for trial in store.trials(record.id)]
        assert len(finished) == len(first.result.trials), "one study, each trial once"
        assert not (tmp_path / "second" / "artifacts").exists()
        second.export(tmp_path / "again", profile="padded")


def test_two_studies_from_one_seed_are_identical(tmp_path: Path, tiny_bert: Path) -> None:
    rows = labelled_rows(80)
    options: Options = {**_QUICK, "model": str(tiny_bert), "score": "score", "text": "text"}
    requests = [Request(rows, settings_from_options(options), tmp_path / name) for name in ("a", "b")]
    for request in requests:
        request.out.mkdir()
    first, second = (run_study(request, Audience()).result for request in requests)
    assert [trial.outcome.losses for trial in first.trials] == [trial.outcome.losses for trial in second.trials]
    assert first.verdict == second.verdict


def test_budget_bounds_the_cost_of_the_plan(tmp_path: Path, tiny_bert: Path) -> None:
    study = _explore(tmp_path, model=str(tiny_bert), label="label", budget="500", objective="best")
    assert study.result.cost <= 500


def test_budget_below_the_cheapest_adapter_is_refused_with_both_figures(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(PlanError, match=r"budget 10 is 10 parameters, but rank 1 at one site costs 224"):
        _explore(tmp_path, model=str(tiny_bert), label="label", budget="10")


def test_max_trials_ends_with_a_verdict(tmp_path: Path, tiny_bert: Path) -> None:
    study = _explore(tmp_path, model=str(tiny_bert), label="label", max_trials=4)
    runs = [trial for trial in study.result.trials if trial.spec.epochs]  # cuts and means train nothing
    assert len(runs) <= 4
    assert study.verdict.sentence
    assert (tmp_path / "adapter" / "darse.json").is_file()


def test_study_offers_plan_sensitivity_frontier_and_a_model(tmp_path: Path, tiny_bert: Path) -> None:
    study = _explore(tmp_path, model=str(tiny_bert))
    assert isinstance(study, Study)
    assert list(study.plan) == [f"layer {layer}" for layer in range(4)]
    assert all(losses for losses in study.sensitivity.values())
    costs = [point.cost for point in study.frontier]
    assert costs == sorted(costs)
    (said,) = study.model().predict(["excellent service"])
    assert said.label in {"negative", "neutral", "positive"}
    assert said.score is not None
    assert math.isclose(sum(said.probabilities.values()), 1.0, abs_tol=1e-9)
    assert "<table>" in study._repr_html_()


def test_own_evaluator_is_asked_with_ranks_by_module_and_gets_a_verdict(tmp_path: Path, tiny_bert: Path) -> None:
    asked: list[Mapping[str, int]] = []

    def losses(ranks: Mapping[str, int], seed: int, learning_rate: float) -> NDArray[np.float64]:
        asked.append(ranks)
        useful = sum(rank for name, rank in ranks.items() if ".layer.2." in name)
        noise = np.random.default_rng(seed).normal(0, 0.01, 200)
        return 1 / (1 + useful) + abs(math.log10(learning_rate) + 2.5) + noise

    study = darse.explore(evaluator=losses, out=tmp_path, model=str(tiny_bert), seeds=2, max_rank=4)
    assert study.plan["layer 2"] > 0
    assert study.verdict.split == "valid"
    assert study.verdict.metric == "loss"
    assert all(name.startswith("bert.encoder.layer.") for ranks in asked for name in ranks)
    with pytest.raises(InputError, match="no adapter"):
        study.export(tmp_path / "adapter")


def test_own_evaluator_with_other_code_starts_a_study_of_its_own_and_one_that_is_continued_says_so(
    tmp_path: Path, tiny_bert: Path
) -> None:
    def losses(ranks: Mapping[str, int], seed: int, learning_rate: float) -> NDArray[np.float64]:
        return np.full(20, 1.0 + seed / 100)

    first, again = losses, losses
    _ask(tmp_path, tiny_bert, first, max_trials=1)
    with pytest.warns(UserWarning, match="runs are kept"):
        _ask(tmp_path, tiny_bert, again, max_trials=1)

    asked: list[int] = []

    def losses(ranks: Mapping[str, int], seed: int, learning_rate: float) -> NDArray[np.float64]:  # type: ignore[no-redef]
        asked.append(seed)
        return np.full(20, 2.0)

    with pytest.warns(UserWarning, match="new study.*evaluator"):
        result = _ask(tmp_path, tiny_bert, losses, max_trials=1).result
    assert asked
    assert result.trials[0].outcome.score == 2.0


def test_identity_of_an_own_evaluator_is_its_version_where_it_has_one() -> None:
    class Asked:
        def __init__(self, version: int | None) -> None:
            self.version = version

        def __call__(self, ranks: Mapping[str, int], seed: int, learning_rate: float) -> NDArray[np.float64]:
            return np.ones(3)

    one, two = Asked(1), Asked(2)
    assert identity_of(one) == identity_of(Asked(1)) != identity_of(two)
    assert identity_of(Asked(None)) != identity_of(_own_evaluator())
    bound = [partial(Asked(None), learning_rate=rate) for rate in (1e-3, 1e-3, 2e-3)]
    assert identity_of(bound[0]) == identity_of(bound[1]) != identity_of(bound[2])


@pytest.mark.parametrize(
    "code",
    [
        "def f(ranks, seed, rate): return [one * {}.0 for one in ranks]",
        "class F:\n  def __call__(self, ranks, seed, rate): return [one * {}.0 for one in ranks]\nf = F()",
    ],
)
def test_identity_of_an_own_evaluator_typed_at_a_prompt_is_its_code(code: str) -> None:
    typed: list[UserFunction] = []
    for number in (1, 1, 2):
        names: dict[str, UserFunction] = {"__name__": "prompt"}  # type: ignore[dict-item]
        exec(code.format(number), names)
        typed.append(names["f"])
    assert identity_of(typed[0]) == identity_of(typed[1]) != identity_of(typed[2])


def _own_evaluator(rows: int = 50, fails: type[Exception] | None = None) -> UserFunction:
    """The same function by its name, with another number of examples or with a bug."""

    def losses(ranks: Mapping[str, int], seed: int, learning_rate: float) -> NDArray[np.float64]:
        if fails is not None:
            raise fails("nobody thought of this")
        return 1 / (1 + sum(ranks.values())) + np.random.default_rng(seed).normal(0, 0.01, rows)

    return losses


def _ask(out: Path, base: Path, function: UserFunction, *, max_trials: int | None = None) -> Study:
    return darse.explore(evaluator=function, out=out, model=str(base), seeds=2, max_rank=2, max_trials=max_trials)


def _story(out: Path) -> tuple[str, list[str]]:
    """The state of a folder's only study, and what happened in it."""
    with open_study_store(out, None) as store:
        (record,) = store.studies()
        return record.state, [
            " ".join([event.kind, *(str(event.detail[name]) for name in ("stage", "part") if name in event.detail)])
            for event in store.events(record.id)
        ]


def test_study_stopped_while_it_is_judged_on_test_says_so_and_goes_on_from_there(
    tmp_path: Path, tiny_bert: Path
) -> None:
    settings = settings_from_options({**_QUICK, "model": str(tiny_bert), "label": "label", "max_trials": 4})
    stages: list[str] = []

    def stop() -> None:
        if stages[-1:] == ["done"]:
            raise Interrupted(15)

    audience = Audience(
        search=Listener(stage=lambda findings: stages.append(findings.stage)), trials=Watcher(check=stop)
    )
    request = Request(labelled_rows(80), settings, tmp_path)
    with pytest.raises(Interrupted):
        run_study(request, audience)
    state, events = _story(tmp_path)
    assert state == "stopped"
    assert (events[0], events[-2:]) == ("opened", ["stage done", "stopped"])
    run_study(request, Audience())
    state, more = _story(tmp_path)
    assert state == "finished"
    assert more == [*events, "continued", "finished"], "what a replay tells again is not noted again"
    assert "limit calibrate" in events


@pytest.mark.filterwarnings("ignore:this study was begun before")
def test_study_ended_by_an_error_is_stopped_with_its_reason_and_can_be_continued(
    tmp_path: Path, tiny_bert: Path
) -> None:
    with pytest.raises(RuntimeError):
        _ask(tmp_path, tiny_bert, _own_evaluator(fails=RuntimeError))
    assert _story(tmp_path) == ("stopped", ["opened", "stage calibrate", "stopped"])
    with open_study_store(tmp_path, None) as store:
        (record,) = store.studies()
        assert store.events(record.id)[-1].detail == {"reason": "RuntimeError: nobody thought of this"}
    assert _ask(tmp_path, tiny_bert, _own_evaluator()).verdict.sentence
    assert _story(tmp_path)[0] == "finished"


@pytest.mark.filterwarnings("ignore:this study was begun before")
def test_own_evaluator_that_is_continued_with_other_examples_is_refused_and_no_trial_is_lost(
    tmp_path: Path, tiny_bert: Path
) -> None:
    _ask(tmp_path, tiny_bert, _own_evaluator(), max_trials=2)
    with pytest.raises(InputError, match="40 losses, but 50 when the study was begun"):
        _ask(tmp_path, tiny_bert, _own_evaluator(rows=40), max_trials=8)
    assert _story(tmp_path)[0] == "stopped"
    result = _ask(tmp_path, tiny_bert, _own_evaluator(), max_trials=8).result
    assert result.failures == ()
    assert len(result.trials) > 2


def test_a_folder_of_a_shrunk_adapter_is_left_alone(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "shrink.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds a shrunk adapter, or .*, whose files would be replaced; choose"):
        _explore(tmp_path, model=str(tiny_bert))
    assert [path.name for path in tmp_path.iterdir()] == ["shrink.json"]


def test_neither_data_nor_evaluator_is_refused() -> None:
    with pytest.raises(InputError, match="either data or your own evaluator"):
        darse.explore()


def test_public_names_are_exactly_the_exported_ones() -> None:
    tree = ast.parse(Path(darse.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    typed = {alias.name for node in imports for alias in node.names if str(node.module).startswith("darse.")}
    assert {"__version__", *typed} == set(darse.__all__)
    assert {name for name in darse.__all__ if hasattr(darse, name)} == set(darse.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = darse.nothing


def test_a_folder_whose_place_for_the_adapter_is_taken_is_refused_before_any_training(
    tmp_path: Path, tiny_bert: Path
) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="adapter exists and is no earlier export"):
        _explore(tmp_path, model=str(tiny_bert))
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_from_python_stages_and_runs_are_logged(
    tmp_path: Path, tiny_bert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="darse"):
        _explore(tmp_path, model=str(tiny_bert), max_trials=2)
    told = [record.getMessage() for record in caplog.records if record.name == "darse"]
    assert told[0].startswith("data: ")
    stages = [one.removeprefix("stage: ") for one in told if one.startswith("stage: ")]
    assert stages == [name for name in (*STAGES, "done") if name in stages]  # one that asks for nothing is passed over
    assert {"calibrate", "coarse", "verify", "done"} <= {*stages}
    assert sum(one.startswith("run: plan 2 2 2") for one in told) >= 1
