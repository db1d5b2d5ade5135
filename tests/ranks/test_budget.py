"""Budgets as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import PlanError
from darse.ranks.budget import largest_uniform_rank, parse_budget
from darse.ranks.plan import RankPlan, Site, Weight, cost

SITES = tuple(Site(f"layer {place}", (Weight(f"l.{place}", 10, 40, place),)) for place in range(4))
BASE = 100_000


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("500", 500),
        (" 500 ", 500),
        ("1.5k", 1500),
        ("2K", 2000),
        ("0.25M", 250_000),
        ("3m", 3_000_000),
        ("1%", 1000),
        ("0.5%", 500),
        ("150%", 150_000),
        ("uniform:1", 200),
        ("uniform:8", 1600),
        ("uniform:99999", 2000),
    ],
)
def test_budgets_are_read_as_people_write_them(text: str, parameters: int) -> None:
    assert parse_budget(text, SITES, BASE) == parameters


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-5",
        "+5",
        "1_000",
        "1,000",
        "5kk",
        "5 k",
        "k",
        "%",
        "1%%",
        "1e6",
        "inf",
        "nan",
        "0x10",
        "uniform:0",
        "uniform:-1",
        "uniform:",
        "uniform:1.5",
        "uniform:１",
        "５００",
        "1.k",
        ".5M",
        "5\n00",
        "9" * 16,
        "uniform:100000",
    ],
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(PlanError, match="is no budget; write 500k, 1%"):
        parse_budget(text, SITES, BASE)


@pytest.mark.parametrize("text", ["0", "49", "0%", "0.04%"])
def test_a_budget_below_the_cheapest_adapter_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"but rank 1 at one site costs 50; raise --budget"):
        parse_budget(text, SITES, BASE)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_one_clear_error(text: str) -> None:
    try:
        found = parse_budget(text, SITES, BASE)
    except PlanError:
        return
    assert found >= 50


@given(st.integers(0, 5000))
def test_largest_uniform_rank_is_the_last_that_fits(budget: int) -> None:
    rank = largest_uniform_rank(SITES, budget)
    assert cost(RankPlan.uniform(SITES, rank), SITES) <= budget
    assert rank == 10 or cost(RankPlan.uniform(SITES, rank + 1), SITES) > budget


@given(st.integers(1, 10))
def test_a_uniform_budget_affords_exactly_that_rank(rank: int) -> None:
    assert largest_uniform_rank(SITES, parse_budget(f"uniform:{rank}", SITES, BASE)) == rank
