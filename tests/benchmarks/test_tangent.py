"""Gradients without training: exact in every architecture, and what regression on them says of plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.tangent import _DRAWS, _IN, _OUT, Tangents, _directions, _gradients, _projections, tangents
from darse.errors import TrialError
from darse.model.lora import installed
from darse.model.weights import AdapterWeights, Pair, scaling
from darse.ranks.plan import RankPlan, Site
from darse.train.lower import Forward
from tests.model.samples import JOINT, Setup, new_setup
from tests.tiny import ARCHITECTURES

ROWS = 60


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup(request.param, tmp_path_factory.mktemp("tangent") / request.param, JOINT)


@pytest.fixture
def bert(tmp_path: Path) -> Setup:
    return new_setup("bert", tmp_path / "bert", JOINT)


def head_of(setup: Setup) -> AdapterWeights:
    return replace(setup.fresh(setup.ranks(0, 0, 0, 0)), pairs={})


def test_the_gradients_are_those_that_the_first_step_of_a_pair_sees(setup: Setup) -> None:
    """A pair whose `up` is zero and whose `down` is the projection has them, row by row."""
    # DeBERTa's queries and keys see positions too, which belong to no row and are left out
    weights = [one for one in setup.weights if not one.name.endswith(("query_proj", "key_proj"))]
    weight, row, draw = weights[len(weights) // 2], 3, 1
    directions, head = _directions(setup.task), head_of(setup)
    with installed(setup.model, head):
        found = _gradients(setup.model, [weight.name], setup.rows, directions, _DRAWS, lambda: None)[weight.name]
    into, out = _projections(weight.name, weight.d_in, weight.d_out, _DRAWS)
    down = into[:, draw * _IN : (draw + 1) * _IN].T
    pair = Pair(down, torch.zeros(weight.d_out, _IN))
    for place, direction in enumerate(directions):
        with installed(setup.model, replace(head, pairs={weight.name: pair})) as present:
            setup.model.eval()
            up = present.parameters()[f"up:{weight.name}"]
            logits = Forward(setup.model, setup.rows)([row]).float()
            (slope,) = torch.autograd.grad((logits @ direction).sum(), up)
        expected = (slope / scaling(head.alpha, _IN)).T @ out[:, draw * _OUT : (draw + 1) * _OUT]
        own = found[draw, row].view(len(directions), _IN, _OUT)[place]
        assert (own - expected).abs().max() <= 1e-4 * expected.abs().max() + 1e-7


def planted(strength: float) -> Tangents:
    """Two sites: the gradients of the first tell the score, those of the second are noise."""
    stream = np.random.default_rng(0)
    truth = stream.normal(size=(2 * ROWS, 1))
    told = np.concatenate([strength * truth, stream.normal(size=(2 * ROWS, 3))], axis=1)
    noise = stream.normal(size=(2 * ROWS, 4))
    sites = [torch.from_numpy(one[None]).float() for one in (told, noise)]
    return Tangents([one[:, :ROWS] for one in sites], [one[:, ROWS:] for one in sites], truth[:ROWS], truth[ROWS:])


def error(found: Tangents, *ranks: int) -> float:
    (predicted,) = found.predictions(RankPlan.of(ranks))
    return float(np.square(predicted - found.truth).mean())


def test_a_site_whose_gradients_tell_the_labels_is_better_than_one_whose_do_not() -> None:
    found = planted(3.0)
    assert error(found, 4, 0) < error(found, 4, 4) < error(found, 0, 4)
    assert error(found, 16, 1) < error(found, 1, 16)


def test_only_where_ranks_sit_counts_and_not_how_high_they_are_together() -> None:
    found = planted(1.0)
    assert error(found, 1, 1) == pytest.approx(error(found, 16, 16))
    assert error(found, 2, 8) == pytest.approx(error(found, 4, 16))


def test_gradients_of_every_weight_count_alike(bert: Setup) -> None:
    sites = [Site(weight.name, (weight,)) for weight in bert.weights]
    with installed(bert.model, head_of(bert)):
        found = tangents(bert.model, sites, bert.rows, bert.rows, bert.task)
    for of in (*found.train, *found.valid):
        assert of.square().sum(dim=2).mean(dim=1) == pytest.approx(torch.ones(_DRAWS), abs=1e-3)
    assert found.targets.shape == (len(bert.rows), bert.task.outputs)


def test_gradients_that_are_not_finite_are_refused(bert: Setup) -> None:
    head = head_of(bert)
    broken = {name: torch.full_like(value, torch.nan) for name, value in head.head.items()}
    sites = [Site(weight.name, (weight,)) for weight in bert.weights]
    with installed(bert.model, replace(head, head=broken)), pytest.raises(TrialError, match="not finite"):
        tangents(bert.model, sites, bert.rows, bert.rows, bert.task)
