"""A name means what it was given last, keeps its history, and is never another adapter in silence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from darse.errors import AdapterError, InputError, StoreError
from darse.files import sha256_of_json
from darse.store.evaluations import BaselineRow
from darse.store.open import open_store
from darse.store.sql import SqlStore
from darse.testing.baselines import (
    baseline_cell,
    baseline_history,
    current_baselines,
    find_baseline,
    set_baseline,
)
from darse.testing.dataset import Dataset
from darse.testing.entry import adapter_entry
from tests.attacks.test_cli_names import NAMES
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.testing.worlds import a_dataset, an_entry, classed, right_but

DATA = classed(20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return a_dataset(labelled_rows(40, seed=5), text="text", label="label", score="score")


def test_the_last_word_counts_and_the_others_are_history(store: SqlStore) -> None:
    facts = [an_entry(name, DATA, right_but(DATA, [])).facts for name in "abc"]
    for at, (name, one) in enumerate(zip(("prod", "next", "prod"), facts, strict=True)):
        set_baseline(store.evaluations, name, one, now=float(at), note=f"note {at}")
    assert find_baseline(store.evaluations, "prod").facts == facts[2]
    assert [(one.time, one.note) for one in baseline_history(store.evaluations, "prod")] == [
        (0.0, "note 0"),
        (2.0, "note 2"),
    ]
    assert [(one.name, one.facts.name) for one in current_baselines(store.evaluations)] == [
        ("next", "b"),
        ("prod", "c"),
    ]


def test_a_name_that_nothing_has_is_told_with_those_there_are(store: SqlStore) -> None:
    set_baseline(store.evaluations, "prod", an_entry("a", DATA, right_but(DATA, [])).facts, now=0.0)
    with pytest.raises(InputError, match=r"no baseline 'live' \(there are: prod\)"):
        find_baseline(store.evaluations, "live")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name_is_no_baseline_and_bad_input(
    store: SqlStore, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        find_baseline(store.evaluations, name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "\ud800"])
def test_what_cannot_be_a_name_is_bad_input(store: SqlStore, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a baseline"):
        set_baseline(store.evaluations, name, an_entry("a", DATA, right_but(DATA, [])).facts, now=0.0)
    assert baseline_history(store.evaluations) == []


def test_a_forged_baseline_is_one_clear_error(store: SqlStore) -> None:
    store.evaluations.set_baseline(BaselineRow(1.0, "prod", {"facts": {"name": "x"}}))
    with pytest.raises(StoreError, match="another version of darse; set it again"):
        find_baseline(store.evaluations, "prod")


def test_a_baseline_is_asked_where_it_lies_and_its_answers_outlive_it(
    store: SqlStore, small_study: SmallStudy, rows: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "v1"
    shutil.copytree(small_study.folder / "adapter", folder)
    baseline = set_baseline(store.evaluations, "prod", adapter_entry(folder).facts, now=0.0)
    first = baseline_cell(store, baseline, rows)
    assert first.facts.name == "prod"
    shutil.rmtree(folder)
    again = baseline_cell(store, find_baseline(store.evaluations, "prod"), rows)
    assert np.array_equal(first.answers, again.answers)
    other = a_dataset(labelled_rows(30, seed=6), text="text", label="label", score="score")
    with pytest.raises(AdapterError, match=r"'prod' is gone .* set the baseline again"):
        baseline_cell(store, baseline, other)


def test_another_adapter_in_its_place_is_refused(store: SqlStore, small_study: SmallStudy, rows: Dataset) -> None:
    facts = replace(
        adapter_entry(small_study.folder).facts, adapter="0" * 64, digest=sha256_of_json({"was": "another"})
    )
    baseline = set_baseline(store.evaluations, "prod", facts, now=0.0)
    with pytest.raises(AdapterError, match="holds another adapter than when it became 'prod'"):
        baseline_cell(store, baseline, rows)


def test_a_folder_stands_for_itself(store: SqlStore, small_study: SmallStudy) -> None:
    found = find_baseline(store.evaluations, str(small_study.folder))
    assert found.facts.adapter == adapter_entry(small_study.folder / "adapter").facts.adapter
