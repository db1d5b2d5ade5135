"""Labels: a key always meets the same adapter, a canary its part, and every change can be taken back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import InputError
from darse.serve.routing import Routing, Served
from tests.serve.serving import FakeScorer

A, B, C = (Served(name, name * 64, FakeScorer()) for name in "abc")


@given(st.text(), st.floats(0, 100))
def test_a_key_meets_the_same_adapter_and_stays_with_the_canary_as_its_part_grows(key: str, percent: float) -> None:
    routing = Routing(A, B, percent)
    assert routing.choose(key) == routing.choose(key)
    if routing.choose(key)[1] is B:
        assert Routing(A, B, 100.0).choose(key) == Routing(A, B, (percent + 100) / 2).choose(key) == ("canary", B)


@pytest.mark.parametrize("percent", [0.0, 1.0, 10.0, 50.0, 100.0])
def test_a_canary_answers_its_part_of_the_keys(percent: float) -> None:
    routing = Routing(A, B, percent)
    met = sum(routing.choose(f"order {number}")[1] is B for number in range(10_000)) / 100
    assert met == pytest.approx(percent, abs=1.5)


def test_a_canary_in_the_shadow_answers_nobody() -> None:
    assert {Routing(A, B, 100.0, is_shadow=True).choose(str(number)) for number in range(100)} == {("prod", A)}


def test_promoting_keeps_what_answered_before_and_rolling_back_twice_changes_nothing() -> None:
    promoted = Routing(A, B, 10.0).promoted()
    assert (promoted.prod, promoted.canary, promoted.previous) == (B, None, A)
    assert promoted.rolled_back().prod is A
    assert promoted.rolled_back().rolled_back() == promoted


def test_what_is_not_there_is_neither_promoted_nor_rolled_back_to() -> None:
    with pytest.raises(InputError, match="no canary to promote"):
        Routing(A).promoted()
    with pytest.raises(InputError, match="nothing to roll back to"):
        Routing(A).rolled_back()


def test_every_labelled_adapter_is_loaded() -> None:
    assert list(Routing(A, B, 1.0, previous=C).loaded) == [A, B, C]
