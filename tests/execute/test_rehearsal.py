"""A few steps before the first run: they measure, and leave everything as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from darse.data.load import load_labelled
from darse.errors import Interrupted, PlanError
from darse.execute.bench import Bench
from darse.execute.ground import find_ground
from darse.execute.rehearsal import rehearse
from darse.model.weights import head_parameters
from darse.settings import Settings, settings_from_options
from darse.store.open import open_study_store
from tests.labelled import labelled_rows


def _settings(model: Path, **options: object) -> Settings:
    return settings_from_options({"model": str(model), "precision": "float32", "max_rank": 4, **options})


@pytest.fixture
def bench(tiny_bert: Path, tmp_path: Path) -> Iterator[Bench]:
    settings = _settings(tiny_bert, epochs=3)
    data = load_labelled(labelled_rows(40), settings.data, seed=0)
    with open_study_store(tmp_path) as store:
        yield find_ground(settings, data.task).bench(data, settings, store, tmp_path / "checkpoints")


def test_the_time_of_a_run_is_its_steps_times_those_that_were_measured(bench: Bench) -> None:
    ticks = count(step=0.5)
    measured = rehearse(bench, clock=lambda: float(next(ticks)))
    assert measured is not None
    assert len(bench.rows["train"]) == 28
    assert measured.run_s == 0.5 * 2 * 3


def test_a_rehearsal_leaves_model_random_state_and_folder_as_they_were(bench: Bench, tmp_path: Path) -> None:
    head = head_parameters(bench.model)  # whoever trains sets it
    before = {name: value.clone() for name, value in bench.model.state_dict().items() if name not in head}
    state, files = torch.get_rng_state(), sorted(tmp_path.rglob("*"))
    measured = rehearse(bench)
    assert measured is not None
    assert measured.run_s > 0
    assert measured.memory_bytes == 0 or measured.memory_bytes > 50 << 20
    after = bench.model.state_dict()
    assert before.keys() | head.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(tmp_path.rglob("*")) == files


def test_long_steps_are_few(bench: Bench) -> None:
    one_row = bench.settings.train.model_copy(update={"batch_size": 1})
    bench = replace(bench, settings=bench.settings.model_copy(update={"train": one_row}))
    asked: list[int] = []
    assert rehearse(bench, check=lambda: asked.append(1), measured_s=0.0) is not None
    assert len(asked) == 1 + 2


def test_a_rehearsal_can_be_stopped(bench: Bench) -> None:
    def stop() -> None:
        raise Interrupted(2)

    with pytest.raises(Interrupted):
        rehearse(bench, check=stop)
    assert rehearse(bench) is not None


def test_a_model_that_cannot_be_trained_has_no_measure(bench: Bench) -> None:
    with torch.no_grad():
        for value in bench.model.parameters():
            value.fill_(float("nan"))
    assert rehearse(bench) is None


def test_a_budget_that_the_model_cannot_have_is_refused_with_the_ground(tiny_bert: Path) -> None:
    settings = _settings(tiny_bert, budget="1")
    data = load_labelled(labelled_rows(40), settings.data, seed=0)
    with pytest.raises(PlanError, match="rank 1 at one site costs"):
        find_ground(settings, data.task)
