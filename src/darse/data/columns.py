"""The columns of a source to the part each one plays: named by the user, or guessed where it is obvious."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NoReturn

from darse.data.example import Columns
from darse.data.labels import SPLIT_NAMES, find_decimal_mark, is_number, parse_score
from darse.data.row import Cell, Row, Unusable
from darse.errors import DataError
from darse.names import printable
from darse.settings import DataSettings

SAMPLE_ROWS = 1000
"""Rows looked at before a column is guessed."""
_NAMES = {
    "text": ("text", "sentence", "review", "review_text", "review_body", "headline", "title", "content",
             "comment", "body", "feedback", "message", "tweet", "post", "utterance", "document", "summary"),
    "label": ("label", "sentiment", "class", "polarity", "category", "sentiment_label", "label_text"),
    "score": ("score", "rating", "stars", "polarity_score", "sentiment_score"),
    "target": ("target", "entity"),
    "split": ("split", "fold", "subset"),
}  # fmt: skip
_MAX_GUESSED_CLASSES = 20
_MIN_GUESSED_SCORES = 9
_MAX_SHOWN_COLUMNS = 30
_LABELLED = ("--text", "--label", "--score")


def choose_columns(sample: Sequence[Row], settings: DataSettings) -> Columns:
    """Which column plays which part.

    A part named by the user is taken as named. Of the others, text, label, score, target and split are
    guessed from names and values; the first name of a part ("text", "label", ...) wins over its synonyms, and
    two synonyms are ambiguous. With a label or a score named, the other is not guessed. A group is never
    guessed: only the user knows which rows belong together.

    Args:
        sample: The first rows of the source.
        settings: The names given by the user.

    Raises:
        DataError: A named column does not exist, is one of objects or is named for two parts, or no text, or
            neither label nor score, can be told.
    """
    columns = _columns_of(sample)
    given = _take_given(columns, sample, settings)
    guess = _Guess(sample, columns, given, _LABELLED)
    parts: dict[str, str | None] = {part: given.get(part) for part in (*_NAMES, "group")}
    if parts["text"] is None:
        parts["text"] = guess.one_of("text")
    if "label" not in given and "score" not in given:
        parts["label"], parts["score"] = guess.one_of("label"), guess.one_of("score")
    for part in ("target", "split"):
        if part not in given and not (part == "split" and any(row.split for row in sample)):
            parts[part] = guess.one_of(part)
    text = parts["text"]
    if text is None:
        guess.give_up("no column is obviously the text")
    if parts["label"] is None and parts["score"] is None:
        guess.give_up("no column is obviously the label or the score", guess.hints(text))
    return Columns(
        text=text,
        label=parts["label"],
        score=parts["score"],
        target=parts["target"],
        split=parts["split"],
        group=parts["group"],
        guessed=tuple(part for part in _NAMES if parts[part] is not None and part not in given),
        decimal_mark=find_decimal_mark(row.cells.get(parts["score"] or "") for row in sample),
    )


def choose_text(
    columns: Sequence[str],
    sample: Sequence[Row],
    settings: DataSettings,
    *,
    has_target: bool,
    trained: Mapping[str, str] | None = None,
) -> Columns:
    """Which column of an unlabelled source is the text, and which the target; guessed as `choose_columns` does.

    A column of the name that the part had in training is taken before any guess.

    Args:
        columns: The columns of the source.
        sample: Its first rows.
        settings: The names given by the user.
        has_target: Whether a target is asked for.
        trained: Column of each part in training, as far as it is known.

    Raises:
        DataError: A named column does not exist, is one of objects or is named for both parts, or a part that is asked
            for cannot be told.
    """
    asked = ("text", "target") if has_target else ("text",)
    given = _take_given(columns, sample, settings)
    for part, name in (trained or {}).items():
        if part in asked and part not in given and name in columns and name not in given.values():
            given[part] = name
    guess = _Guess(sample, columns, given, tuple(f"--{part}" for part in asked))
    found: dict[str, str] = {}
    for part in asked:
        column = given.get(part) or guess.one_of(part)
        if column is None:
            guess.give_up(f"no column is obviously the {part}")
        found[part] = column
    guessed = tuple(part for part in asked if part not in given)
    return Columns(text=found["text"], target=found.get("target"), guessed=guessed)


def describe_columns(columns: Columns) -> str:
    """The columns in use, for people.

    >>> describe_columns(Columns("review", score="stars", guessed=("text",), decimal_mark=","))
    "text = 'review' (guessed), score = 'stars' (with decimal commas)"
    """
    used = {part: getattr(columns, part) for part in ("text", "label", "score", "target", "split", "group")}
    return ", ".join(
        f"{part} = {printable(str(name))!r}"
        + (" (guessed)" if part in columns.guessed else "")
        + (" (with decimal commas)" if part == "score" and columns.decimal_mark == "," else "")
        for part, name in used.items()
        if name is not None
    )


def unused_columns(sample: Sequence[Row], columns: Columns) -> tuple[str, ...]:
    """Columns of a source that play no part, neither themselves nor by what is in them."""
    used = {name for part in (*_NAMES, "group") if (name := getattr(columns, part)) is not None}
    return tuple(
        name for name in _columns_of(sample) if name not in used and not any(one.startswith(f"{name}.") for one in used)
    )


def _columns_of(sample: Sequence[Row]) -> list[str]:
    """Every column of the sample in the order of appearance; the rows of a JSON Lines file may differ."""
    seen: dict[str, None] = {}
    for row in sample:
        seen.update(dict.fromkeys(name for name in row.cells if name.strip()))
    return list(seen)


def _take_given(columns: Sequence[str], sample: Sequence[Row], settings: DataSettings) -> dict[str, str]:
    given = settings.named
    for part, name in given.items():
        _refuse_objects(part, name, columns, sample)
        if name not in columns:
            close = difflib.get_close_matches(name.casefold(), [one.casefold() for one in columns], 1, 0.5)
            meant = next((one for one in columns if close and one.casefold() == close[0]), None)
            hint = f"; did you mean {printable(meant)!r}?" if meant is not None else ""
            raise DataError(
                f"there is no column {printable(name)!r} (--{part}){hint}; the columns are: {_show(columns)}"
            )
        other = next((one for one in given if one < part and given[one] == name), None)
        if other is not None:
            raise DataError(f"the column {printable(name)!r} is named for two parts, --{other} and --{part}")
    return given


def _refuse_objects(part: str, name: str, columns: Sequence[str], sample: Sequence[Row]) -> None:
    """Refuse a column whose values are objects, and a path to none of an object's keys: a value inside is meant."""
    head, _, rest = (name, "", "") if name in columns else name.partition(".")
    keys = _keys_of(head, sample)
    if not keys or rest.partition(".")[0] in keys:
        return
    found = [key for key in keys if "." not in key]
    close = difflib.get_close_matches(rest, found, 1, 0.5) or [key for key in _NAMES.get(part, ()) if key in found]
    meant = printable(f"{head}.{(close or found or keys)[0]}")
    absent = f", none of them {printable(rest)!r}" if rest else ""
    raise DataError(
        f"the column {printable(head)!r} (--{part}) is an object with the keys {_show(keys)}{absent};"
        f" write --{part} {meant}"
    )


def _keys_of(name: str, sample: Sequence[Row]) -> list[str]:
    """The keys of a column in which every value is an object that has some."""
    values = [cell for row in sample if (cell := row.cells.get(name)) is not None]
    keys = [cell.keys for cell in values if isinstance(cell, Unusable) and cell.keys]
    return list(dict.fromkeys(chain.from_iterable(keys))) if len(keys) == len(values) else []


class _Guess:
    """Guesses over the columns that the user has not named for something else.

    Args:
        sample: The first rows.
        columns: All columns.
        given: The columns named by the user, by part.
        options: The options that name a column, for an error.
    """

    def __init__(
        self, sample: Sequence[Row], columns: Sequence[str], given: Mapping[str, str], options: Sequence[str]
    ) -> None:
        self._columns, self._options = columns, options
        self._free = [name for name in columns if name not in given.values()]
        self._values: Mapping[str, list[Cell]] = {
            name: _with_points([row.cells.get(name) for row in sample if row.problem is None]) for name in self._free
        }

    def one_of(self, part: str) -> str | None:
        """The one column that has a name of the part and values that fit, or None."""
        names = _NAMES[part]
        named = [name for name in self._free if _plain(name) in names]
        # Gaps count against a target or a split: each would reject its row.
        whole = part in {"target", "split"}
        values = {name: self._values[name] if whole else _filled(self._values[name]) for name in named}
        fitting = [name for name in named if _FITS[part](values[name])]
        canonical = [name for name in fitting if _plain(name) == names[0]]
        fitting = canonical or fitting
        if len(fitting) > 1 and part in {"text", "label", "score"}:
            shown = " and ".join(repr(printable(name)) for name in fitting[:5])
            self.give_up(f"the {part} could be {shown}")
        return fitting[0] if len(fitting) == 1 else None

    def hints(self, text: str) -> list[str]:
        """What to say of the columns with a fitting name whose values did not decide."""
        hints = []
        for name in self._free:
            if name == text or _plain(name) not in (*_NAMES["label"], *_NAMES["score"], "target"):
                continue
            values = _filled(self._values[name])
            distinct, shown = len(set(values)), printable(name)
            if values and distinct <= _MAX_GUESSED_CLASSES:
                hints.append(
                    f"{shown!r} has {distinct} distinct values: --label {shown} if they are classes,"
                    f" --score {shown} if they are amounts"
                )
            elif values and all(map(is_number, values)):
                hints.append(f"{shown!r} holds numbers: --score {shown}")
        return hints

    def give_up(self, problem: str, hints: Sequence[str] = ()) -> NoReturn:
        """Ask the user to name the columns."""
        told = "".join(f"; {hint}" for hint in hints[:3])
        options = ", ".join(self._options)
        raise DataError(f"{problem}{told}. The columns are: {_show(self._columns)}; name them with {options}")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _with_points(values: list[Cell]) -> list[Cell]:
    """The values of a column, its numbers with decimal points."""
    if find_decimal_mark(values) == ".":
        return values
    return [value.replace(",", ".") if isinstance(value, str) and is_number(value, ",") else value for value in values]


def _filled(values: Sequence[Cell]) -> list[Cell]:
    return [value for value in values if value is not None and value != ""]


def _fits_text(values: Sequence[Cell]) -> bool:
    return any(isinstance(value, str) and not is_number(value) for value in values)


def _fits_label(values: Sequence[Cell]) -> bool:
    """Few different values, each seen twice on average, and no decimals: classes, not scores or free text.

    A single one will do: the first rows of a sorted file are all of one class.
    """
    usable = [value for value in values if not isinstance(value, Unusable) and not _is_decimal(value)]
    distinct = len(set(usable))
    few = 1 <= distinct <= _MAX_GUESSED_CLASSES and 2 * distinct <= len(usable)
    return few and _are_most(usable, values)


def _fits_score(values: Sequence[Cell]) -> bool:
    """Numbers with decimals or many different values, unlike a scale of 1 to 5."""
    found = [value for value in values if is_number(value)]
    distinct = len({parse_score(value) for value in found})
    varies = distinct >= _MIN_GUESSED_SCORES or (distinct > 1 and any(map(_is_decimal, found)))
    return varies and _are_most(found, values)


def _is_decimal(value: Cell) -> bool:
    return is_number(value) and not parse_score(value).is_integer()


def _fits_target(values: Sequence[Cell]) -> bool:
    names = [value for value in values if isinstance(value, str) and value.strip() and not is_number(value)]
    return _are_most(names, values)


def _fits_split(values: Sequence[Cell]) -> bool:
    names = [value for value in values if isinstance(value, str) and value.casefold() in SPLIT_NAMES]
    return _are_most(names, values)


def _are_most(good: Sequence[Cell], values: Sequence[Cell]) -> bool:
    """A few bad cells do not hide what a column is; their rows are rejected and counted."""
    return len(good) > 0 and 10 * len(good) >= 9 * len(values)


_FITS = {
    "text": _fits_text,
    "label": _fits_label,
    "score": _fits_score,
    "target": _fits_target,
    "split": _fits_split,
}


def _show(columns: Sequence[str]) -> str:
    more = len(columns) - _MAX_SHOWN_COLUMNS
    shown = ", ".join(printable(name) for name in columns[:_MAX_SHOWN_COLUMNS])
    return (shown or "(none)") + (f" and {more} more" if more > 0 else "")
