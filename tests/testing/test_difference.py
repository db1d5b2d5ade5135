"""Paired differences: the same rows, the test that the field uses, and the examples that flipped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darse.testing.difference import difference_of, flips_of, slice_differences
from darse.testing.slices import find_slices
from tests.testing.worlds import SCORE, classed, judged, off_by, right_but, scored

DATA = classed(80, product=["A"] * 40 + ["B"] * 40)
WRONG = st.sets(st.integers(0, 79), max_size=40)


@settings(max_examples=25)
@given(WRONG, WRONG)
def test_a_comparison_turned_round_says_the_opposite(one: set[int], other: set[int]) -> None:
    first, second = (judged("x", DATA, right_but(DATA, sorted(wrong))).losses() for wrong in (one, other))
    there, back = difference_of(first, second, "accuracy"), difference_of(second, first, "accuracy")
    assert there.effect.value == pytest.approx(-back.effect.value)
    assert (there.gained, there.lost, there.p) == (back.lost, back.gained, back.p)
    assert there.effect.value == pytest.approx((len(one) - len(other)) / 80)
    assert there.gained == len(one - other)


def test_the_p_value_is_that_of_mcnemars_exact_test() -> None:
    first, second = np.zeros(100), np.zeros(100)
    first[:12], second[10:13] = 1.0, 1.0
    found = difference_of(first, second, "accuracy")
    assert (found.gained, found.lost) == (10, 1)
    assert found.p == pytest.approx(2 * (1 + 11) / 2**11)


def test_two_that_agree_everywhere_are_not_shown_to_be_equal() -> None:
    found = difference_of(np.zeros(50), np.zeros(50), "accuracy")
    assert found.p == 1
    assert found.effect.low is not None
    assert found.effect.low < 0 < (found.effect.high or 0)


def test_a_score_that_is_nearer_on_most_rows_is_better() -> None:
    data = scored(100)
    noise = np.random.default_rng(0).normal(size=100)
    far, near = (judged("s", data, off_by(data, scale * noise), task=SCORE) for scale in (0.5, 0.4))
    found = difference_of(far.losses("mae"), near.losses("mae"), "mae")
    assert found.p < 1e-6
    assert (found.gained, found.lost) == (100, 0)
    assert found.effect.low is not None
    assert found.effect.low > 0


@given(WRONG, WRONG)
def test_flips_are_the_rows_on_which_one_is_right_and_the_other_wrong(one: set[int], other: set[int]) -> None:
    first, second = (judged("x", DATA, right_but(DATA, sorted(wrong))) for wrong in (one, other))
    found = flips_of(first, second, DATA, "accuracy")
    assert {flip.row.text for flip in found} == {DATA.texts[at] for at in one ^ other}
    assert all((flip.after == flip.row.label) == (flip.change > 0) for flip in found)


def test_slices_are_corrected_for_their_number_and_the_bad_one_is_found() -> None:
    bad = [at for at, product in enumerate(DATA.cells["product"]) if product == "B"][:14]
    first, second = judged("x", DATA, right_but(DATA, [])), judged("y", DATA, right_but(DATA, bad))
    found = slice_differences(first, second, find_slices(DATA, ["product", "label", "length"]), "accuracy")
    assert all(one.q >= one.difference.p for one in found)
    worst = min(found, key=lambda one: one.difference.effect.value)
    assert (worst.by, worst.value) == ("product", "B")
    assert worst.q < 0.01
    assert next(one for one in found if one.value == "A").q == 1
