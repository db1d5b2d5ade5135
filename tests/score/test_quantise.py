"""Maps in eight bits: faithful even where few channels are far larger than the rest, and the same in any company."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from transformers import PreTrainedModel

from darse.ranks.sites import find_weights
from darse.score.quantise import EightBitMap, Seen, quantised, with_maps
from tests.model.samples import CLASSES, Setup, new_setup

TOKENS, D_IN, D_OUT = 400, 48, 32


def tokens(loud: float, seed: int = 0) -> Tensor:
    """Hidden states of which two channels are so much larger."""
    values = torch.randn(TOKENS, D_IN, generator=torch.Generator().manual_seed(seed))
    values[:, :2] *= loud
    return values


def seen(values: Tensor) -> Seen:
    return Seen(values.amin(0), values.amax(0), values)


def linear(*, bias: bool = True) -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(D_IN, D_OUT, bias=bias)


def error(made: nn.Module, base: nn.Linear, values: Tensor) -> float:
    with torch.no_grad():
        exact = base(values)
        return float((made(values) - exact).norm() / exact.norm())


@pytest.mark.parametrize("loud", [1.0, 30.0, 300.0])
@pytest.mark.parametrize("bias", [True, False])
def test_a_smoothed_map_is_faithful_however_loud_a_few_channels_are(loud: float, bias: bool) -> None:
    base, values = linear(bias=bias), tokens(loud)
    with torch.no_grad():
        made = min((EightBitMap(base, seen(values), part) for part in (0.0, 0.5, 0.8)), key=lambda one: one.error)
    assert error(made, base, tokens(loud, seed=1)) < 0.03


def test_without_smoothing_loud_channels_drown_the_rest() -> None:
    base, values = linear(), tokens(300.0)
    # the quiet channels alone, behind scales that the loud ones have set
    quiet = values.clone()
    quiet[:, :2] = 0.0
    with torch.no_grad():
        plain, smooth = (EightBitMap(base, seen(values), part) for part in (0.0, 0.8))
    assert error(smooth, base, quiet) < error(plain, base, quiet) / 3


def test_what_was_never_seen_is_cut_to_what_was() -> None:
    base, values = linear(), tokens(1.0)
    with torch.no_grad():
        made = EightBitMap(base, seen(values), 0.5)
        assert torch.equal(made(1e6 * values), made(1e9 * values))


def test_maps_in_eight_bits_answer_nearly_as_the_model_and_leave_it_as_it_is(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", CLASSES)
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    maps = quantised(setup.model, setup.rows)
    assert set(maps) == {weight.name for weight in find_weights(setup.model)}
    assert max(one.error for one in maps.values()) < 0.05
    changed = with_maps(setup.model, maps)
    assert setup.model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in setup.model.state_dict().items())
    exact, fast = outputs(setup.model, setup), outputs(changed, setup)
    assert not torch.equal(exact, fast)
    torch.testing.assert_close(fast, exact, rtol=0.1, atol=0.1 * float(exact.abs().max()))


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_first_come_the_maps_that_change_least_for_what_they_save(kind: str, tmp_path: Path) -> None:
    setup = new_setup(kind, tmp_path / kind, CLASSES)
    maps = quantised(setup.model, setup.rows)
    exact = outputs(setup.model, setup)

    def price(name: str) -> float:
        alone = outputs(with_maps(setup.model, {name: maps[name]}), setup)
        return float((alone - exact).square().sum()) / maps[name].weight.numel()

    prices = [price(name) for name in maps]
    assert spearmanr(range(len(prices)), prices).statistic > 0.8


def outputs(model: PreTrainedModel, setup: Setup) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.eval()(**setup.rows.batch(range(len(setup.rows)))).logits
    return found.double()
