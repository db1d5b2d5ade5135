from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from darse.data.example import SplitName
from darse.data.labelled import LabelledRow
from darse.data.load import load_labelled
from darse.data.split import Split, split_rows
from darse.errors import DataError
from darse.settings import DataSettings
from tests.data.samples import labelled_row

NAMES: tuple[SplitName, ...] = ("train", "valid", "test")


def split(rows: list[LabelledRow], *, valid: float = 0.15, test: float = 0.15, seed: int = 0) -> Split:
    return split_rows(rows, valid_fraction=valid, test_fraction=test, seed=seed)


def texts(result: Split) -> dict[str, list[str]]:
    return {name: [row.text for row in result.parts[name]] for name in NAMES}


class_sizes = st.lists(st.integers(3, 60), min_size=2, max_size=5).filter(lambda sizes: sum(sizes) >= 20)
fractions = st.sampled_from([0.1, 0.15, 0.2, 0.3, 0.4])


@given(sizes=class_sizes, valid=fractions, test=fractions, seed=st.integers(0, 2**31 - 1))
@hypothesis_settings(deadline=None)
def test_each_class_is_split_within_one_row_of_its_fraction(
    sizes: list[int], valid: float, test: float, seed: int
) -> None:
    rows = [labelled_row(f"{kind} {i}", str(kind)) for kind, size in enumerate(sizes) for i in range(size)]
    result = split(rows, valid=valid, test=test, seed=seed)
    wanted: dict[SplitName, float] = {"valid": valid, "test": test}
    for name, fraction in wanted.items():
        counts = Counter(row.label for row in result.parts[name])
        for kind, size in enumerate(sizes):
            assert abs(counts[str(kind)] - fraction * size) <= 1
            assert counts[str(kind)] >= 1
    assert sorted(row.text for part in result.parts.values() for row in part) == sorted(row.text for row in rows)


@given(
    scores=st.lists(st.floats(-5, 5), min_size=20, max_size=120),
    valid=fractions,
    test=fractions,
    seed=st.integers(0, 100),
)
@hypothesis_settings(deadline=None)
def test_each_quantile_of_the_scores_is_split_within_one_row_of_its_fraction(
    scores: list[float], valid: float, test: float, seed: int
) -> None:
    rows = [labelled_row(f"text {i}", None, score=score) for i, score in enumerate(scores)]
    result = split(rows, valid=valid, test=test, seed=seed)
    assert all(result.parts[name] for name in NAMES)
    assert sorted(row.text for part in result.parts.values() for row in part) == sorted(row.text for row in rows)
    wanted: dict[SplitName, float] = {"valid": valid, "test": test}
    for off in _off_their_fraction(rows, result, wanted):
        assert off <= 1


def test_a_split_by_chance_is_no_split_by_quantiles() -> None:
    rows = [labelled_row(f"text {i}", None, score=i / 100) for i in range(200)]
    chance = random.Random(1).sample(rows, len(rows))
    drawn = Split({"valid": chance[:30], "test": chance[30:60], "train": chance[60:]}, "made")
    wanted: dict[SplitName, float] = {"valid": 0.15, "test": 0.15}
    assert max(_off_their_fraction(rows, split(rows), wanted)) <= 1 < max(_off_their_fraction(rows, drawn, wanted))


def _off_their_fraction(rows: list[LabelledRow], result: Split, wanted: dict[SplitName, float]) -> Iterator[float]:
    """How many rows each tenth of the scores (fewer where a split has fewer rows) gives a split too many or too few."""
    bins = min(10, int(len(rows) * min(wanted.values())))
    order = sorted(rows, key=lambda row: (row.score or 0.0, row.key))
    place = {row.key: position * bins // len(rows) for position, row in enumerate(order)}
    for name, fraction in wanted.items():
        counts = Counter(place[row.key] for row in result.parts[name])
        yield from (abs(counts[one] - fraction * size) for one, size in Counter(place.values()).items())


grouped = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.none() | st.integers(0, 12)), min_size=20, max_size=80)


@given(drawn=grouped, seed=st.integers(0, 100))
@hypothesis_settings(deadline=None)
def test_no_group_stands_in_two_splits_and_none_is_empty(drawn: list[tuple[str, int | None]], seed: int) -> None:
    rows = [
        labelled_row(f"text {i}", label, group=None if group is None else str(group))
        for i, (label, group) in enumerate(drawn)
    ]
    kinds = {row.group for row in rows} - {None}
    assume(len(kinds) + sum(row.group is None for row in rows) >= 3)
    result = split(rows, seed=seed)
    found = {name: {row.group for row in result.parts[name]} - {None} for name in NAMES}
    for one, other in combinations(NAMES, 2):
        assert not found[one] & found[other]
    assert all(result.parts[name] for name in NAMES)


def test_many_small_groups_come_close_to_the_fractions_in_every_class() -> None:
    rows = [labelled_row(f"text {i}", "ab"[i % 3 == 0], group=str(i // 4)) for i in range(1000)]
    result = split(rows)
    for label in "ab":
        total = sum(row.label == label for row in rows)
        assert abs(sum(row.label == label for row in result.parts["test"]) / total - 0.15) < 0.03


@given(seed=st.integers(0, 2**31 - 1))
@hypothesis_settings(deadline=None, max_examples=20)
def test_the_split_follows_from_texts_and_seed_and_not_from_the_order(seed: int) -> None:
    rows = [labelled_row(f"text {i}", "ab"[i % 2]) for i in range(60)]
    forwards, backwards = split(rows, seed=seed), split(rows[::-1], seed=seed)
    assert {name: set(part) for name, part in texts(forwards).items()} == {
        name: set(part) for name, part in texts(backwards).items()
    }


def test_another_seed_gives_another_split() -> None:
    rows = [labelled_row(f"text {i}", "ab"[i % 2]) for i in range(60)]
    assert texts(split(rows, seed=1)) != texts(split(rows, seed=2))


def test_the_split_does_not_depend_on_hash_randomisation() -> None:
    code = (
        "from tests.data.samples import labelled_row\n"
        "from darse.data.split import split_rows\n"
        "rows = [labelled_row(f't {i}', 'ab'[i % 2], group=str(i // 3)) for i in range(60)]\n"
        "made = split_rows(rows, valid_fraction=0.15, test_fraction=0.15, seed=0)\n"
        "print([[r.text for r in part] for part in made.parts.values()])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(printed) == 1


def official(**sizes: int) -> list[LabelledRow]:
    return [labelled_row(f"{name} {i}", "ab"[i % 2], split=name) for name in NAMES for i in range(sizes.get(name, 0))]


def test_official_splits_are_honoured_as_they_are() -> None:
    result = split(official(train=20, valid=5, test=7))
    assert result.origin == "official"
    assert {name: len(part) for name, part in result.parts.items()} == {"train": 20, "valid": 5, "test": 7}


@pytest.mark.parametrize(
    ("sizes", "expected", "origin"),
    [
        ({"train": 40, "test": 9}, {"train": 34, "valid": 6, "test": 9}, "official"),
        ({"train": 40, "valid": 9}, {"train": 34, "valid": 9, "test": 6}, "official"),
        ({"train": 40}, {"train": 28, "valid": 6, "test": 6}, "made"),
    ],
)
def test_a_missing_split_is_carved_out_of_train(sizes: dict[str, int], expected: dict[str, int], origin: str) -> None:
    result = split(official(**sizes))
    assert {name: len(part) for name, part in result.parts.items()} == expected
    assert result.origin == origin
    assert all(row.split in (name, "train") for name in NAMES for row in result.parts[name])


def test_rows_in_train_whose_group_is_judged_by_are_left_out() -> None:
    rows = [
        labelled_row(f"{name} {i}", "ab"[i % 2], split=name, group=f"{name if i else 'shared'}")
        for name in NAMES
        for i in range(10)
    ]
    result = split(rows)
    assert [(row.split, row.group) for row in result.straddling] == [("valid", "shared"), ("train", "shared")]
    assert {row.group for row in result.parts["test"]} == {"test", "shared"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (official(train=19), "only 19 usable rows"),
        (official(valid=20, test=20), "no training rows"),
        ([labelled_row(f"t {i}", group=str(i % 2)) for i in range(40)], "2 groups"),
    ],
)
def test_too_little_to_split_is_refused(rows: list[LabelledRow], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(rows)


def test_one_text_with_several_targets_stands_in_one_split_alone() -> None:
    rows = [
        {"text": f"headline {place} gains", "target": target, "score": place / 40 - 0.5}
        for place in range(40)
        for target in ("Acme", "Birch")
    ]
    data = load_labelled(rows, DataSettings(), seed=0)
    homes: dict[str, set[str]] = {}
    for name, part in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        for example in part:
            homes.setdefault(example.text, set()).add(name)
    assert len(homes) == 40
    assert all(len(names) == 1 for names in homes.values())
