"""Labels, scores and splits as written in a cell to values, strictly: what is doubtful is refused by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

from darse.data.example import SplitName
from darse.data.row import Cell, RowRefused, Unusable

SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train",
    "validation": "valid",
    "valid": "valid",
    "dev": "valid",
    "val": "valid",
    "test": "test",
}
MAX_SCORE = 1e15
"""Beyond it a float64 no longer tells neighbouring decimals apart."""
_MAX_LABEL_CHARACTERS = 100
_MAX_GROUP_CHARACTERS = 1000
DecimalMark = Literal[".", ","]
_NUMBERS: dict[DecimalMark, re.Pattern[str]] = {
    mark: re.compile(rf"-?(?:[0-9]+(?:{re.escape(mark)}[0-9]*)?|{re.escape(mark)}[0-9]+)(?:[eE][+-]?[0-9]+)?")
    for mark in (".", ",")
}
_MARKED = re.compile(r"-?[0-9]*(?:[.,][0-9]+)+[.,]?")
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_MISSING = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "#n/a"})
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def find_decimal_mark(values: Iterable[Cell]) -> DecimalMark:
    """How the decimals of a column are written: with a comma only where its commas can be nothing else.

    One number with a decimal point speaks against it, and so do commas that could all separate thousands.

    >>> find_decimal_mark(["0,5", "-1", "1,234"]), find_decimal_mark(["1,234"]), find_decimal_mark(["0,5", "0.5"])
    (',', '.', '.')
    """
    marked = [value for value in values if isinstance(value, str) and not value.isdecimal()]
    commas = [value for value in marked if "," in value and is_number(value, ",")]
    has_points = any("." in value and is_number(value) for value in marked)
    return "," if not has_points and not all(map(_THOUSANDS.fullmatch, commas)) else "."


def is_number(value: Cell, mark: DecimalMark = ".") -> bool:
    """Whether a cell is a finite number, or text that `parse_score` takes for one."""
    try:
        parse_score(value, mark)
    except RowRefused:
        return False
    return True


def parse_score(value: Cell, mark: DecimalMark = ".") -> float:
    """A finite score from a number, or from text in plain ASCII decimals.

    Python's own float() also takes full-width digits, `1_0`, ` 1`, `nan` and `inf`; none of them is what
    somebody meant to write in a column of scores.

    Args:
        value: The cell.
        mark: What stands before the decimals of a number in text.

    Raises:
        RowRefused: The cell holds anything else.

    >>> parse_score("-0.25"), parse_score("5e-1"), parse_score(3), parse_score("0,5", ",")
    (-0.25, 0.5, 3.0, 0.5)
    """
    if isinstance(value, Unusable):
        raise RowRefused("the score is no number", value)
    if isinstance(value, bool):
        raise RowRefused("the score is a truth value, not a number", value)
    if value is None or value == "":
        raise RowRefused("the score is empty")
    if isinstance(value, str):
        value = _parse_decimal(value, mark)
    if not abs(value) <= MAX_SCORE:
        raise RowRefused(f"the score is not finite or beyond {MAX_SCORE:g}", value)
    return float(value)


def _parse_decimal(text: str, mark: DecimalMark) -> float:
    if len(text) <= _MAX_LABEL_CHARACTERS and _NUMBERS[mark].fullmatch(text):
        return float(text.replace(",", "."))
    if len(text) <= _MAX_LABEL_CHARACTERS and _MARKED.fullmatch(text):
        if mark == ",":
            raise RowRefused(
                "the score has a point where others have a decimal comma (leave out thousands separators)", text
            )
        raise RowRefused("the score has a comma (write a decimal point and no thousands separators)", text)
    raise RowRefused("the score is not a plain decimal number such as -0.25", text)


def parse_label(value: Cell, label_map: Mapping[str, str] | None) -> str:
    """The class that a cell names, before it is compared with the other classes.

    Args:
        value: The cell; a whole number is its digits, also one that a table keeps as 1.0.
        label_map: Explicit table from a label as written to a class; then nothing else is accepted.

    Raises:
        RowRefused: The cell is missing or empty, marks a missing value, is not in the table, or is written so that a
            reader would take it for another label.

    >>> parse_label("positive", None), parse_label(1.0, None), parse_label("+1", {"+1": "positive"})
    ('positive', '1', 'positive')
    """
    if isinstance(value, Unusable):
        raise RowRefused("the label is neither text nor number", value)
    written = _as_written(value)
    if label_map is not None:
        for spelling in (written, written.lower()) if isinstance(value, bool) else (written,):
            if spelling in label_map:
                return label_map[spelling]
    if value is None:
        raise RowRefused("the label is missing (null)")
    if label_map is not None:
        raise RowRefused("the label is not in --label-map", value)
    if isinstance(value, bool):
        raise RowRefused("the label is a truth value; map it with --label-map", value)
    problem = find_label_problem(written)
    if problem is not None:
        raise RowRefused(f"the label {problem}; map it with --label-map", written)
    return written


def _as_written(value: str | float | bool | None) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def find_label_problem(label: str) -> str | None:
    """Why a label cannot be the name of a class, or None."""
    if not label.strip():
        return "is empty"
    if label.casefold() in _MISSING:
        return "marks a missing value"
    if label != label.strip():
        return "has white space around it"
    if len(label) > _MAX_LABEL_CHARACTERS:
        return f"is longer than {_MAX_LABEL_CHARACTERS} characters"
    kinds = {unicodedata.category(character) for character in label}
    if kinds & _INVISIBLE:
        return "contains control or invisible characters"
    if any(unicodedata.category(character) == "Nd" and not character.isascii() for character in label):
        return "is written with full-width or other foreign digits"
    return None


def parse_split(value: Cell) -> SplitName:
    """The split that a cell names, in any case.

    Raises:
        RowRefused: It names none.

    >>> parse_split("Dev")
    'valid'
    """
    name = SPLIT_NAMES.get(value.casefold()) if isinstance(value, str) else None
    if name is None:
        raise RowRefused("the split is none of train, validation, test", value)
    return name


def parse_text(value: Cell, *, part: str, max_characters: int) -> str:
    """A text or a target as it stands, if a model can read it.

    Args:
        value: The cell.
        part: What to call it in a reason.
        max_characters: Longer ones are refused.

    Raises:
        RowRefused: It is empty, no text, too long, or holds what is no character.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowRefused(f"the {part} is empty")
    if not isinstance(value, str):
        raise RowRefused(f"the {part} is not text", value)
    if len(value) > max_characters:
        raise RowRefused(f"the {part} is longer than {max_characters} characters (an unclosed quote?)", value)
    if "\0" in value:
        raise RowRefused(f"the {part} contains a NUL character", value)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RowRefused(f"the {part} contains half of a surrogate pair, no character", value) from error
    if not value.isascii() and not _has_visible(value):
        raise RowRefused(f"the {part} has no visible character")
    return value


def _has_visible(text: str) -> bool:
    """Whether some character can be seen: zero-width ones and the like cannot."""
    return any(not one.isspace() and unicodedata.category(one) not in _INVISIBLE for one in text)


def parse_group(value: Cell) -> str | None:
    """The group of a row; None for an empty cell, whose row is a group of its own.

    Raises:
        RowRefused: The cell is a list or the like, or far too long for a name.
    """
    if isinstance(value, Unusable):
        raise RowRefused("the group is neither text nor number", value)
    written = _as_written(value)
    if len(written) > _MAX_GROUP_CHARACTERS:
        raise RowRefused(f"the group is longer than {_MAX_GROUP_CHARACTERS} characters", value)
    return written or None
