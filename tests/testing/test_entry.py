"""An entry is known by a digest before anything heavy is loaded; a study gives its controls and its training rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from darse.cli.main import run
from darse.errors import AdapterError, InputError
from darse.score.scorer import AdapterScorer
from darse.testing.background import BackgroundRequest, find_background
from darse.testing.dataset import Dataset
from darse.testing.entry import adapter_entry, refuse_same_names
from darse.testing.latency import measure_ms
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.testing.worlds import a_dataset, an_entry, classed, right_but


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return a_dataset(labelled_rows(30, seed=5), text="text", label="label", score="score")


def test_an_entry_answers_what_the_scorer_says(small_study: SmallStudy, rows: Dataset) -> None:
    entry = adapter_entry(small_study.folder)
    answers = entry.load()(rows.texts, None, lambda: None)
    said = AdapterScorer.open(small_study.folder / "adapter").score(rows.texts)
    assert [one.label for one in said] == [entry.facts.task.classes[place] for place in answers[:, :3].argmax(axis=1)]
    assert np.allclose(answers[:, 3], [one.score or 0.0 for one in said])


def test_its_facts_are_those_of_the_study(small_study: SmallStudy) -> None:
    facts = adapter_entry(small_study.folder).facts
    verdict = json.loads((small_study.folder / "verdict.json").read_bytes())
    assert facts.name == small_study.folder.name
    assert facts.study == verdict["study"]
    assert facts.ranks == {name: rank for name, rank in verdict["plan"].items() if rank}
    assert facts.parameters == verdict["cost"]
    assert facts.file_bytes == sum(
        path.stat().st_size for path in (small_study.folder / "adapter").iterdir() if path.name != "darse.json"
    )


def test_a_copy_is_the_same_entry_and_an_export_of_another_kind_is_not(small_study: SmallStudy, tmp_path: Path) -> None:
    facts = adapter_entry(small_study.folder).facts
    shutil.copytree(small_study.folder / "adapter", tmp_path / "copy")
    assert adapter_entry(tmp_path / "copy").facts.digest == facts.digest
    assert run(["export", str(small_study.folder), "--profile", "merged", "-o", str(tmp_path / "merged")]) == 0
    merged = adapter_entry(tmp_path / "merged").facts
    assert merged.digest != facts.digest
    assert (merged.parameters, merged.ranks) == (None, {})


@pytest.mark.parametrize(("place", "said"), [("nowhere", "there is no such folder"), (".", "has no darse.json")])
def test_what_is_no_adapter_is_told(place: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AdapterError, match=said):
        adapter_entry(Path(place))


def test_two_entries_of_one_name_are_refused() -> None:
    data = classed(10)
    facts = [an_entry("a", data, right_but(data, [at])).facts for at in (0, 1)]
    with pytest.raises(InputError, match="two entries are called 'a'; give each another name: NAME=FOLDER"):
        refuse_same_names(facts)


def test_an_adapter_in_its_studys_folder_brings_every_reference_point(small_study: SmallStudy, rows: Dataset) -> None:
    found = find_background([adapter_entry(small_study.folder / "adapter").facts], BackgroundRequest())
    names = [one.facts.name for one in found.entries]
    assert names[:3] == ["majority or mean", "lexicon (VADER)", "TF-IDF + linear"]
    assert {*names[3:], *(one.name for one in found.missing)} == {"head alone", "uniform ranks"}
    assert names[3:]
    assert found.train is not None
    assert not {row.text for row in found.train.rows} & {row.text for row in rows.rows}
    for entry in found.entries[3:]:
        assert entry.load()(rows.texts, None, lambda: None).shape == (30, 4)


def test_a_control_answers_as_its_export_does(small_study: SmallStudy, rows: Dataset, tmp_path: Path) -> None:
    found = find_background([], BackgroundRequest(study=small_study.folder))
    entry = found.entries[-1]
    plan = {"head alone": "head-alone", "uniform ranks": "best-uniform"}[entry.facts.name]
    assert run(["export", str(small_study.folder), "--plan", plan, "-o", str(tmp_path / "control")]) == 0
    exported = adapter_entry(tmp_path / "control").load()(rows.texts, None, lambda: None)
    assert np.allclose(entry.load()(rows.texts, None, lambda: None), exported, atol=1e-5)


def test_without_a_study_the_reasons_are_told_and_a_file_helps(small_study: SmallStudy, tmp_path: Path) -> None:
    shutil.copytree(small_study.folder / "adapter", tmp_path / "alone")
    facts = adapter_entry(tmp_path / "alone").facts
    found = find_background([facts], BackgroundRequest())
    assert found.entries == ()
    assert len(found.missing) == 5
    assert all("--study" in one.reason for one in found.missing)
    helped = find_background([facts], BackgroundRequest(train=small_study.source))
    assert [one.facts.name for one in helped.entries] == ["majority or mean", "lexicon (VADER)", "TF-IDF + linear"]


@pytest.fixture
def moved_source(small_study: SmallStudy) -> Iterator[Path]:
    away = small_study.source.with_suffix(".away")
    small_study.source.rename(away)
    yield small_study.source
    away.rename(small_study.source)


def test_training_rows_that_are_gone_are_a_reason(small_study: SmallStudy, moved_source: Path) -> None:
    found = find_background([adapter_entry(small_study.folder).facts], BackgroundRequest())
    reasons = [one.reason for one in found.missing if one.name == "TF-IDF + linear"]
    assert "training rows cannot be read" in reasons[0]
    assert str(moved_source) in reasons[0]


def test_entries_take_turns_when_they_are_timed() -> None:
    data = classed(10)
    ticks = iter(range(10_000))
    entries = {name: an_entry(name, data, right_but(data, [])) for name in ("candidate", "baseline")}
    found = measure_ms(entries, data, texts=20, timer=lambda: float(next(ticks)))
    assert found == {"candidate": 1000.0, "baseline": 1000.0}
