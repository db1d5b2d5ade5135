"""Products with fewer digits: nearly the same training, and the very same model afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from darse.model import precision
from darse.model.lora import LowRankLinear, NarrowLinear, installed
from darse.model.precision import resolved
from darse.settings import Precision, Settings, TrainSettings
from darse.train.predict import predict
from tests.tiny import ARCHITECTURES

from .samples import JOINT, Setup, new_setup, random_weights, train_shortly


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup(request.param, tmp_path_factory.mktemp("precision") / request.param, JOINT)


def test_training_with_narrow_products_stays_close_to_the_exact_one(setup: Setup) -> None:
    start = setup.fresh(setup.ranks(0, 2, 0, 1))
    wide, narrow = (
        np.array(train_shortly(setup, start, epochs=1, learning_rate=1e-3, precision=name).progress.curve)
        for name in ("float32", "bfloat16")
    )
    assert not np.array_equal(wide, narrow)
    assert np.abs(wide - narrow).max() <= 0.02 * np.abs(wide).max()


def test_logits_in_evaluation_stay_close_and_are_float32(setup: Setup) -> None:
    weights = random_weights(setup, setup.ranks(0, 2, 0, 1))
    with installed(setup.model, weights):
        exact = predict(setup.model, setup.rows)
    with installed(setup.model, weights, torch.bfloat16):
        close = predict(setup.model, setup.rows)
    assert close.dtype == torch.float32
    assert not torch.equal(close, exact)
    assert (close - exact).abs().mean() <= 0.05 * exact.abs().mean()


def test_the_model_is_given_back_as_it_came(setup: Setup) -> None:
    before = {name: type(module) for name, module in setup.model.named_modules()}
    with installed(setup.model, setup.fresh(setup.ranks(0, 2, 0, 1)), torch.bfloat16):
        assert any(isinstance(module, NarrowLinear) for module in setup.model.modules())
    assert {name: type(module) for name, module in setup.model.named_modules()} == before


def test_every_map_from_the_lowest_pair_on_is_narrow_and_none_below(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", JOINT)
    with installed(setup.model, setup.fresh(setup.ranks(0, 2, 0, 1)), torch.bfloat16):
        found = {weight.name: setup.model.get_submodule(weight.name) for weight in setup.weights}
    for weight in setup.weights:
        module = found[weight.name]
        assert isinstance(module, LowRankLinear) == (weight.layer in {1, 3})
        assert isinstance(module, NarrowLinear) == (weight.layer == 2)


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_auto_becomes_what_the_processor_has(has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: has_bfloat16)
    assert resolved(Settings()).train.precision == ("bfloat16" if has_bfloat16 else "float32")


def test_a_torch_that_does_not_know_the_processor_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # as in torch 2.6, which pyproject.toml allows
    assert resolved(Settings()).train.precision == "float32"


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_precision_that_is_named_is_kept(name: Precision) -> None:
    given = Settings(train=TrainSettings(precision=name))
    assert resolved(given) == given
