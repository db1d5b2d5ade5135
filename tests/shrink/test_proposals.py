"""Plans that are proposed fit the adapter and the budget, and keep what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan, Weight
from darse.shrink.layout import Layout
from darse.shrink.proposals import loss_table, proposals, single_cuts, sizes

_WEIGHTS = tuple(
    Weight(f"m.{layer}.{name}", 8, width, layer) for layer in range(3) for name, width in (("q", 8), ("up", 24))
)


@st.composite
def _layouts(draw: st.DrawFn) -> Layout:
    some = draw(st.lists(st.sampled_from(_WEIGHTS), min_size=1, unique=True))
    ranks = {weight.name: draw(st.integers(1, 12)) for weight in some}
    return Layout.of(_WEIGHTS, ranks, draw(st.sampled_from(["module", "layer", "group:2"])))


@settings(deadline=None, max_examples=60)
@given(_layouts(), st.data())
def test_every_proposal_is_a_cut_within_the_budget(layout: Layout, data: st.DataObject) -> None:
    budget = data.draw(st.none() | st.integers(32, 600))
    stream = np.random.default_rng(data.draw(st.integers(0, 99)))
    energies = [np.sort(stream.random(rank))[::-1] for rank in layout.whole]
    increases = {place: float(stream.normal()) for place in single_cuts(layout)}
    for plan in proposals(layout, loss_table(layout, increases), energies, budget):
        assert all(rank <= whole for rank, whole in zip(plan, layout.whole, strict=True))
        assert budget is None or layout.cost(plan) <= budget
        assert plan.ranks != layout.stored


@given(_layouts())
def test_single_cuts_change_one_site_alone(layout: Layout) -> None:
    for (site, rank), plan in single_cuts(layout).items():
        changed = {place for place, (a, b) in enumerate(zip(plan, layout.whole, strict=True)) if a != b}
        assert changed <= set(layout.groups[site])
        assert all(plan[place] == min(rank, layout.whole[place]) for place in layout.groups[site])


@given(_layouts(), st.integers(0, 99))
def test_a_lower_rank_never_counts_as_better(layout: Layout, seed: int) -> None:
    stream = np.random.default_rng(seed)
    for offers in loss_table(layout, {place: float(stream.normal()) for place in single_cuts(layout)}):
        losses = [offers[rank] for rank in sorted(offers)]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] == 0.0


@given(_layouts())
def test_sizes_fall_from_the_whole_adapter(layout: Layout) -> None:
    found = sizes(layout, None)
    assert found == sorted(found, reverse=True)
    assert found[0] == layout.cost(layout.whole)


def test_a_true_rank_is_seen_in_the_energy_alone() -> None:
    layout = Layout.of(_WEIGHTS, {weight.name: 8 for weight in _WEIGHTS}, "module")
    energies = [np.array([4.0, 3.0, *[0.0] * 6]) for _ in _WEIGHTS]
    found = proposals(layout, loss_table(layout, dict.fromkeys(single_cuts(layout), 1.0)), energies, None)
    assert RankPlan((2,) * len(_WEIGHTS)) in found


@pytest.mark.parametrize("granularity", ["module", "layer"])
def test_a_rank_above_the_weight_counts_as_the_smaller_side(granularity: str) -> None:
    layout = Layout.of(_WEIGHTS, {"m.0.q": 40}, granularity)
    assert layout.whole == RankPlan((8,))
    assert layout.stored_cost == 40 * 16
