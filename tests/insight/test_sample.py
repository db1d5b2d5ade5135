"""The texts that are held: all of a small file, a bounded draw of a large one, the same at every reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darse.insight.columns import Named, Readable, find_readable
from darse.insight.rows import Rows, gather_rows
from darse.insight.sample import MOST_TEXTS, MOST_WORDS, Sample, read_sample, words_of
from darse.insight.sentiment import Wanted
from darse.insight.windows import Windows, find_windows
from darse.settings import DataSettings
from tests.insight.planted import PLANTED, World, write_world


@pytest.fixture
def read(tmp_path: Path) -> tuple[Readable, Rows, Windows]:
    path = tmp_path / "world.csv"
    write_world(path, World(groups=5, rows=200), np.random.default_rng(0))
    file = find_readable(path, Named(DataSettings()))
    rows = gather_rows(file, Wanted())
    windows = find_windows(rows.days, 5, "month")
    assert windows is not None
    return file, rows, windows


def _draw(read: tuple[Readable, Rows, Windows], *, most: int = MOST_TEXTS) -> Sample:
    file, rows, windows = read
    return read_sample(file, rows, windows, [rows.group_names.index(PLANTED)], seed=0, most=most)


def test_every_text_of_a_small_file_is_held(read: tuple[Readable, Rows, Windows]) -> None:
    sample = _draw(read)
    assert sample.rows.tolist() == list(range(1000))
    assert sample.is_even.all()


def test_of_a_large_file_each_side_is_bounded_and_groups_looked_at_closely_are_whole(
    read: tuple[Readable, Rows, Windows],
) -> None:
    _, rows, windows = read
    sample = _draw(read, most=30)
    is_latest = rows.days[sample.rows] >= windows.latest
    assert int((sample.is_even & is_latest).sum()) == 30
    assert int((sample.is_even & ~is_latest).sum()) == 30
    own = rows.groups == rows.group_names.index(PLANTED)
    assert set(np.flatnonzero(own)) <= set(sample.rows.tolist())
    assert len(sample) <= 60 + int(own.sum())


def test_the_same_seed_draws_the_same_texts(read: tuple[Readable, Rows, Windows]) -> None:
    assert _draw(read, most=30).texts == _draw(read, most=30).texts


def test_texts_are_those_of_their_rows(read: tuple[Readable, Rows, Windows]) -> None:
    file, rows, _ = read
    sample = _draw(read, most=30)
    lines = file.path.read_text(encoding="utf-8").splitlines()
    for row, text in zip(sample.rows, sample.texts, strict=True):
        assert text in lines[rows.lines[row] - 1]


def test_only_the_beginning_of_a_long_text_is_cut_into_words(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("text,label\n" + f"{'word ' * 5000},negative\n" * 4, encoding="utf-8")
    file = find_readable(path, Named(DataSettings(label="label")))
    rows = gather_rows(file, Wanted())
    sample = read_sample(file, rows, None, [], seed=0)
    assert np.bincount(sample.owners).tolist() == [MOST_WORDS] * 4
    assert max(map(len, sample.texts)) == 401


def test_words_have_letters_and_marks_stand_apart() -> None:
    assert words_of("Straße 42, café-au-lait; ça va?!") == ["strasse", ",", "café-au-lait", ";", "ça", "va", "?", "!"]
