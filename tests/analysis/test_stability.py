"""Stability: a clear order is stable, noise is not, and a study's own losses are what is split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from darse.analysis.stability import STABLE, left_out_increases, split_half, stability_of
from darse.analysis.studied import Studied, read_study
from darse.store.open import open_study_store
from darse.store.protocol import Store
from tests.conftest import SmallStudy


def increases(sites: int, rows: int, *, signal: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    stream = np.random.default_rng(1)
    found: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = stream.normal(size=(sites, rows))
    return found + signal * np.arange(sites)[:, None]


def test_a_clear_order_is_stable_and_noise_is_not() -> None:
    clear, noise = split_half(increases(6, 200, signal=1.0)), split_half(increases(6, 200, signal=0.0))
    assert clear is not None
    assert noise is not None
    assert clear.is_stable
    assert clear.tau > 0.95
    assert not noise.is_stable
    assert abs(noise.tau) < 0.4
    assert noise.low <= noise.tau <= noise.high


def test_the_limit_is_the_stated_one() -> None:
    found = split_half(increases(6, 200, signal=0.15))
    assert found is not None
    assert found.is_stable == (found.tau >= STABLE)


def test_sites_that_lose_nothing_have_no_order() -> None:
    found = split_half(np.zeros((5, 40)))
    assert found is not None
    assert (found.tau, found.is_stable) == (0.0, False)


@pytest.mark.parametrize("shape", [(2, 100), (6, 3)])
def test_too_few_sites_or_rows_have_no_halves(shape: tuple[int, int]) -> None:
    assert split_half(np.zeros(shape)) is None


@pytest.fixture
def kept(small_study: SmallStudy) -> Iterator[tuple[Studied, Store]]:
    with open_study_store(small_study.folder, must_exist=True) as store:
        yield read_study(store, store.studies()[0]), store


def test_the_losses_of_a_real_study_are_those_behind_its_sensitivity(kept: tuple[Studied, Store]) -> None:
    study, store = kept
    found = left_out_increases(study, store)
    assert found is not None
    assert study.result is not None
    assert study.result.findings.allocate is not None
    assert study.result.findings.allocate.sensitivity is not None
    told = {one.site: one.loss for one in study.result.findings.allocate.sensitivity.losses if one.rank == 0}
    assert found.mean(axis=1) == pytest.approx([told[site] for site in sorted(told)])
    stability = stability_of(study, store)
    assert stability is not None
    assert stability.sites == len(told)
    assert -1 <= stability.tau <= 1


def test_a_real_study_has_traces_of_every_run(kept: tuple[Studied, Store], tmp_path: Path) -> None:
    study, _ = kept
    assert study.result is not None
    modules = {weight.name for site in study.result.sites for weight in site.weights}
    for run in study.runs:
        trace = study.trace(run)
        assert trace is not None
        assert set(trace.modules) <= modules
        assert len(trace.points) == len(run.outcome.curve)
    assert all(study.trace(trial) is None for trial in study.trials if trial.spec.evaluator == "truncate")
