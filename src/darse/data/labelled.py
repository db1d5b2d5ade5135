"""A raw row, with the parts that its columns play, to a labelled row."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

from darse.data.example import Columns, SplitName
from darse.data.labels import parse_group, parse_label, parse_score, parse_split, parse_text
from darse.data.row import Row, RowRefused
from darse.settings import DataSettings


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One usable row.

    Attributes:
        line: Where it stood.
        text: The text, not empty.
        target: The target, or None.
        label: Its class by name, or None.
        score: Its score, or None.
        split: Its official split, or None.
        group: Rows of the same group stay in the same split; None is a group of its own. Without a group column, rows
            with a target are grouped by their text.
        key: Digest of text and target without differences in case, width and white space: equal keys are
            duplicates.
    """

    line: int
    text: str
    target: str | None
    label: str | None
    score: float | None
    split: SplitName | None
    group: str | None
    key: bytes


def parse_row(row: Row, columns: Columns, settings: DataSettings) -> LabelledRow:
    """The labelled row of a raw row.

    Raises:
        RowRefused: A part of it cannot be used; the reason says which.
    """
    if row.problem is not None:
        raise RowRefused(row.problem)
    cells, limit = row.cells, settings.max_text_characters
    text = parse_text(cells.get(columns.text), part="text", max_characters=limit)
    target = None
    if columns.target is not None:
        target = parse_text(cells.get(columns.target), part="target", max_characters=limit)
    split = row.split if columns.split is None else cells.get(columns.split)
    return LabelledRow(
        line=row.line,
        text=text,
        target=target,
        label=None if columns.label is None else parse_label(cells.get(columns.label), settings.label_map),
        score=None if columns.score is None else parse_score(cells.get(columns.score), columns.decimal_mark),
        split=None if split is None and columns.split is None else parse_split(split),
        group=_own_text(text, target) if columns.group is None else parse_group(cells.get(columns.group)),
        key=text_key(text, target),
    )


def text_key(text: str, target: str | None) -> bytes:
    """A digest that is equal for texts (with targets) which differ only in case, width or white space.

    >>> text_key("Ｇood  phone", None) == text_key("good phone ", None)
    True
    """
    folded = _fold(text) if target is None else f"{_fold(text)}\0{_fold(target)}"
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()


def _own_text(text: str, target: str | None) -> str | None:
    """With targets the same text may stand in several rows; they are one group, so that it is in one split alone."""
    return None if target is None else text_key(text, None).hex()


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
