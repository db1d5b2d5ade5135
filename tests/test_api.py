"""A finished study read back, and an adapter that predicts."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import darse
from darse import publish
from darse.api import Predictor, Study, open_study
from darse.errors import InputError
from darse.model import reload
from darse.model.base import Base, find_base
from darse.score.scorer import AdapterScorer
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.report.samples import a_result, cut_short
from tests.tiny import ARCHITECTURES, DEPTH, save_model

TEXTS = ["great service", "late and broken"]


def test_a_study_read_back_knows_what_it_knew(small_study: SmallStudy) -> None:
    study = darse.open_study(small_study.folder)
    told = json.loads((small_study.folder / "verdict.json").read_text())
    assert study.result.verdict_json() == told
    assert study.plan == told["plan"]
    assert study.sensitivity
    assert study.frontier
    assert darse.open_study(str(small_study.folder), study=told["study"][:6]).result == study.result


def test_a_study_read_back_predicts_and_exports(small_study: SmallStudy, tmp_path: Path) -> None:
    study = darse.open_study(small_study.folder)
    said = study.model().predict(TEXTS)
    again = Predictor.open(study.export(tmp_path / "merged", "merged")).predict(TEXTS)
    assert [one.score for one in said] == pytest.approx([one.score for one in again], abs=1e-5)


def test_a_store_that_lies_elsewhere_is_read_at_its_address(small_study: SmallStudy, tmp_path: Path) -> None:
    shutil.copy(small_study.folder / "study.db", tmp_path / "team.db")
    shutil.copytree(small_study.folder / "artifacts", tmp_path / "team-artifacts")
    study = darse.open_study(tmp_path / "out", str(tmp_path / "team.db"))
    assert study.plan == darse.open_study(small_study.folder).plan
    assert (study.export(tmp_path / "adapter") / "darse.json").is_file()


@pytest.mark.parametrize("study", [None, "nothing"])
def test_a_folder_without_the_study_is_refused(small_study: SmallStudy, tmp_path: Path, study: str | None) -> None:
    with pytest.raises(InputError, match=r"no study"):
        darse.open_study(tmp_path if study is None else small_study.folder, study=study)


def test_the_adapter_of_another_study_is_not_taken_for_this_ones(small_study: SmallStudy) -> None:
    study = darse.open_study(small_study.folder)
    study.result = replace(study.result, study="another")
    with pytest.raises(InputError, match="is of another study"):
        study.model()


def test_scores_of_an_adapter_without_a_score_are_refused_and_never_nan(small_study: SmallStudy) -> None:
    scorer = AdapterScorer.open(small_study.folder / "adapter")
    both = Predictor(scorer)
    assert both.scores(TEXTS).tolist() == [one.score for one in both.predict(TEXTS)]
    manifest = replace(scorer.manifest, task=replace(scorer.task, has_score=False))
    classes_alone = Predictor(AdapterScorer(manifest, scorer.tokenizer, scorer.computing))
    for texts in (TEXTS, []):
        with pytest.raises(InputError, match=r"classes \(negative, neutral, positive\) and no score; use predict"):
            classes_alone.scores(texts)


def test_a_study_with_other_options_in_the_same_folder_warns_of_what_it_replaces(
    tiny_bert: Path, tmp_path: Path
) -> None:
    def explore(seed: int) -> None:
        rows = labelled_rows(60)
        darse.explore(rows, model=str(tiny_bert), out=tmp_path, epochs=1, seeds=2, max_rank=2, max_trials=1, seed=seed)

    explore(0)
    with pytest.warns(UserWarning, match=r"replace those of the last one in the folder \(.*search.seed: 0 -> 1"):
        explore(1)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_goes_the_whole_way_from_rows_to_predictions(kind: str, tmp_path: Path) -> None:
    study = darse.explore(
        labelled_rows(40),
        model=str(save_model(kind, tmp_path / "model")),
        out=tmp_path / "out",
        epochs=1,
        seeds=2,
        max_rank=2,
        max_trials=1,
        learning_rates=(3e-3,),
        granularity=f"group:{DEPTH // 2}",
    )
    assert list(study.plan.values()) == [2, 2]
    good, late = study.model().predict(TEXTS)
    assert [said.label in {"negative", "neutral", "positive"} for said in (good, late)] == [True, True]
    assert sum(good.probabilities.values()) == pytest.approx(1)
    scores = [said.score for said in (good, late)]
    assert np.isfinite(np.array(scores, dtype=np.float64)).all()
    assert scores[0] != scores[1]


def test_a_study_that_was_allowed_code_allows_none_to_whoever_opens_it(
    small_study: SmallStudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = open_study(small_study.folder)
    study.result = replace(study.result, settings=study.result.settings.model_copy(update={"trust_remote_code": True}))
    asked: list[bool] = []
    found = find_base

    def ask(name: str, *, trust_remote_code: bool = False) -> Base:
        asked.append(trust_remote_code)
        return found(name)

    for module in (publish, reload):
        monkeypatch.setattr(module, "find_base", ask)
    study.export(tmp_path / "exported")
    study.model()
    assert set(asked) == {False}
    asked.clear()
    study.trust_remote_code = True
    study.export(tmp_path / "exported")
    assert asked[0]


def test_the_module_shows_its_public_names_before_they_are_loaded() -> None:
    code = "import darse, sys; assert set(darse.__all__) <= set(dir(darse)); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sensitivity_leaves_out_what_a_limit_left_unmeasured() -> None:
    study = Study(cut_short(a_result(), sites=3), Path(), None)
    assert all(math.isfinite(one.loss) for losses in study.sensitivity.values() for one in losses)
    assert {len(losses) for losses in study.sensitivity.values()} > {0}
