"""Which cuts hold, and which one is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan
from darse.shrink.candidate import UNCUT, WeighedCut, choose, weigh


def _one(cost: int, loss: float, origin: str = "energy") -> WeighedCut:
    """A candidate beside an uncut adapter of loss 1."""
    increase = loss - 1
    return WeighedCut(
        RankPlan((cost,)), cost, (origin,), loss, increase, increase - 0.001, increase + 0.001, 0.01, 0.04
    )


_LOSSES = st.lists(st.floats(0.9, 1.2), min_size=1, max_size=8)


@given(_LOSSES)
def test_the_smallest_is_one_that_holds_as_all_larger_ones_do(losses: list[float]) -> None:
    cuts = [_one(cost, loss) for cost, loss in enumerate(losses, 1)]
    chosen, needs_recovery = choose([_one(99, 1.0, UNCUT), *cuts], "smallest")
    if needs_recovery:
        assert not cuts[-1].holds
        assert chosen.loss == min(losses)
    else:
        assert all(one.holds for one in cuts if one.cost >= chosen.cost)
        assert chosen.cost == 1 or not cuts[chosen.cost - 2].holds


@given(_LOSSES)
def test_the_best_is_the_one_of_least_loss(losses: list[float]) -> None:
    candidates = [_one(99, 1.0, UNCUT), *(_one(cost, loss) for cost, loss in enumerate(losses, 1))]
    chosen, needs_recovery = choose(candidates, "best")
    assert chosen.loss == min(one.loss for one in candidates)
    assert needs_recovery


def test_a_cut_that_changes_nothing_holds_and_one_that_adds_to_every_row_does_not() -> None:
    uncut = np.linspace(0.1, 1.0, 50)
    plans = [(RankPlan((1,)), 1, ("same",)), (RankPlan((0,)), 0, ("worse",))]
    same, worse = weigh(plans, [uncut, uncut + 0.1], uncut, margin=0.01, seed=0)
    assert same.holds
    assert not worse.holds


def test_a_cut_whose_mean_is_equal_by_chance_alone_does_not_hold() -> None:
    uncut = np.full(20, 1.0)
    moved = uncut + np.tile([0.8, -0.8], 10)
    (one,) = weigh([(RankPlan((1,)), 1, ("lucky",))], [moved], uncut, margin=0.01, seed=0)
    assert abs(one.increase) < 1e-9
    assert not one.holds


def test_a_plan_of_two_origins_holds_only_where_every_larger_one_of_both_does() -> None:
    large = replace(_one(8, 1.2), origins=("energy", "measured losses"))
    small = replace(_one(4, 0.5), origins=("energy",))
    assert large.increase > large.margin
    chosen, needs_recovery = choose([large, small], "smallest")
    assert needs_recovery
    assert chosen == small
