"""Classes and scores to sentiment: known names and usual scales, all else is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from darse.errors import DataError
from darse.insight.sentiment import Sentiment, Wanted, read_sentiment


def _of(classes: tuple[str, ...], wanted: Wanted | None = None, scores: list[float] | None = None) -> Sentiment:
    labels = np.arange(len(classes), dtype=np.int32) if classes else None
    return read_sentiment(None if scores is None else np.array(scores), labels, classes, wanted or Wanted())


@pytest.mark.parametrize(
    ("classes", "values", "signs"),
    [
        (("negative", "Neutral", "POSITIVE"), [-1, 0, 1], [-1, 0, 1]),
        (("neg", "pos"), [-1, 1], [-1, 1]),
        (
            ("very negative", "negative", "neutral", "positive", "Very_Positive"),
            [-1, -0.5, 0, 0.5, 1],
            [-1, -1, 0, 1, 1],
        ),
        (("1", "2", "3", "4", "5"), [1, 2, 3, 4, 5], [-1, -1, 0, 1, 1]),
        (("1 star", "3 stars", "5 stars"), [1, 3, 5], [-1, 0, 1]),
        (("-1", "0", "1"), [-1, 0, 1], [-1, 0, 1]),
    ],
)
def test_usual_classes_are_known(classes: tuple[str, ...], values: list[float], signs: list[int]) -> None:
    found = _of(classes)
    assert found.values.tolist() == values
    assert found.signs.tolist() == signs


@pytest.mark.parametrize("classes", [("0", "1"), ("1", "2"), ("LABEL_0", "LABEL_1"), ("billing", "positive")])
def test_classes_that_say_nothing_are_asked_for(classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="--negative NAME and --positive NAME"):
        _of(classes)


def test_named_classes_are_taken_and_the_others_are_neutral() -> None:
    found = _of(("0", "1", "2"), Wanted(negative=("0",), positive=("2",)))
    assert found.signs.tolist() == [-1, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(negative=("bad",)), "there is no class 'bad'"),
        (Wanted(negative=("0",), positive=("0",)), "named for --negative and for --positive"),
    ],
)
def test_wrongly_named_classes_are_told(wanted: Wanted, said: str) -> None:
    with pytest.raises(DataError, match=said):
        _of(("0", "1"), wanted)


@pytest.mark.parametrize(
    ("scores", "ends", "signs"),
    [
        ([-0.9, 0.0, 0.9], (-1, 1), [-1, 0, 1]),
        ([0.1, 0.5, 0.9], (0, 1), [-1, 0, 1]),
        ([1, 2, 3, 4, 5], (1, 5), [-1, -1, 0, 1, 1]),
        ([1.1, 2.9, 5.1], (1, 5), [-1, 0, 1]),
        ([0, 5, 10], (0, 10), [-1, 0, 1]),
    ],
)
def test_a_score_is_negative_in_the_lowest_third_of_its_scale(
    scores: list[float], ends: tuple[float, float], signs: list[int]
) -> None:
    found = _of((), scores=scores)
    assert (found.low, found.high) == ends
    assert found.signs.tolist() == signs


def test_a_scale_that_nobody_uses_is_asked_for() -> None:
    with pytest.raises(DataError, match="--scale LOW:HIGH"):
        _of((), scores=[-3.0, 700.0])
    assert _of((), Wanted(scale=(-3, 700)), [-3.0, 700.0]).signs.tolist() == [-1, 1]


def test_with_both_the_class_tells_what_is_negative_and_the_score_how_much() -> None:
    found = _of(("negative", "positive"), scores=[0.2, 0.9])
    assert found.values.tolist() == [0.2, 0.9]
    assert found.signs.tolist() == [-1, 1]


def test_with_a_score_classes_that_say_nothing_are_no_error() -> None:
    found = _of(("billing", "praise"), scores=[-0.9, 0.9])
    assert found.signs.tolist() == [-1, 1]
    assert found.words[0] == "the classes are not known as positive or negative"
