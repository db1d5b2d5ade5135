"""Phrases: what differs is found, each thing once, and nothing is claimed where nothing differs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from darse.insight.contrast import Counts, Mask, chance, contrast, log_odds
from darse.insight.phrases import FEWEST_TEXTS, Phrases, find_phrases
from darse.insight.sample import BREAK, Sample, words_of


def a_sample(texts: Sequence[str]) -> Sample:
    """A sample of all texts."""
    vocabulary = {"": BREAK}
    words, owners = [], []
    for owner, text in enumerate(texts):
        for word in words_of(text):
            words.append(vocabulary.setdefault(word, len(vocabulary)) if word[0].isalpha() else BREAK)
            owners.append(owner)
    return Sample(
        rows=np.arange(len(texts)),
        texts=texts,
        sure=np.ones(len(texts)),
        is_even=np.ones(len(texts), dtype=bool),
        words=np.array(words, dtype=np.int32),
        owners=np.array(owners, dtype=np.int32),
        vocabulary=list(vocabulary),
    )


def _sides(here: int, there: int) -> tuple[Mask, Mask]:
    side = np.arange(here + there) < here
    return side, ~side


def test_phrases_are_those_of_several_texts_and_end_at_marks() -> None:
    texts = ["The battery died again, screen broke."] * FEWEST_TEXTS + ["A lone remark"]
    found = {" ".join(words) for words in find_phrases(a_sample(texts)).words}
    assert found == {
        *("battery", "died", "screen", "broke", "battery died", "died again", "screen broke", "battery died again")
    }


def test_a_text_that_repeats_a_phrase_has_it_once() -> None:
    phrases = find_phrases(a_sample(["late late late late late late"] + ["late"] * FEWEST_TEXTS))
    assert phrases.texts.sum() == FEWEST_TEXTS + 1 + 1 - 1
    assert phrases.words == [("late",)]


def test_no_text_and_texts_without_words_have_no_phrases() -> None:
    for texts in ([], ["...", "?!"], ["the of and"] * 9):
        phrases = find_phrases(a_sample(texts))
        assert len(phrases) == 0
        side = np.ones(len(texts), dtype=bool)
        assert contrast(phrases, side, ~side) == ()


def test_overlapping_phrases_of_the_same_texts_are_one_thing_told_at_length() -> None:
    bad = [f"It does not work at all, item {place}" for place in range(30)]
    good = [f"It works well, item {place}" for place in range(30)]
    found = contrast(find_phrases(a_sample([*bad, *good])), *_sides(30, 30))
    assert [one.name for one in found] == ["not work"]
    assert (found[0].here, found[0].there) == (30, 0)


def test_a_phrase_inside_of_another_with_texts_of_its_own_stays_the_shorter_one() -> None:
    texts = [f"refund {word}" for word in ("refused", "late", "missing", "denied") for _ in range(8)]
    found = contrast(find_phrases(a_sample([*texts, *["all fine"] * 40])), *_sides(32, 40))
    assert [one.name for one in found] == ["refund"]


def test_nothing_is_claimed_where_the_sides_are_drawn_from_the_same_texts() -> None:
    stream = np.random.default_rng(0)
    ranks = 1 / np.arange(1, 301)
    texts = [" ".join(f"w{one}" for one in stream.choice(300, 10, p=ranks / ranks.sum())) for _ in range(600)]
    phrases = find_phrases(a_sample(texts))
    claimed = 0
    for _ in range(60):
        side = stream.random(600) < 0.3
        claimed += bool(contrast(phrases, side, ~side))
    assert stats.binomtest(claimed, 60, 0.05, alternative="greater").pvalue > 0.005


def test_the_chance_is_that_of_fishers_exact_test() -> None:
    counts = Counts(np.array([8, 1, 0]), np.array([2, 20, 3]), 30, 70)
    expected = [
        stats.fisher_exact([[here, 30 - here], [there, 70 - there]], alternative="greater").pvalue
        for here, there in zip(counts.here, counts.there, strict=True)
    ]
    assert chance(counts)[0] == pytest.approx(expected[0])
    assert chance(counts)[1:].tolist() == [1.0, 1.0]


def test_log_odds_shrink_what_is_rare() -> None:
    counts = Counts(np.array([40, 2]), np.array([10, 0]), 100, 100)
    z = log_odds(counts, np.array([50 / 200, 2 / 200]))
    assert z[0] > 3
    assert 0 < z[1] < 1.5


def test_phrases_keep_no_more_than_they_may() -> None:
    phrases = find_phrases(a_sample([f"alpha beta gamma delta w{place // 5}" for place in range(500)]))
    assert isinstance(phrases, Phrases)
    assert phrases.texts.shape == (500, len(phrases.words))
    assert phrases.texts.data.max() == 1
