"""Classes and scores to what a row's sentiment is: a number, and whether it is negative, neutral or positive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darse.errors import DataError
from darse.evaluate.losses import Floats
from darse.names import printable

_SIGNS = {
    "negative": -1, "neg": -1, "bad": -1, "neutral": 0, "neu": 0, "mixed": 0, "positive": 1, "pos": 1, "good": 1,
}  # fmt: skip
_STRENGTH = re.compile(r"(?:very|strongly|extremely|most) ")
_STARS = re.compile(r"([1-5])(?: stars?)?")
_FEWEST_STARS = 3
_SCALES = ((-1.0, 1.0), (0.0, 1.0), (1.0, 5.0), (0.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0), (-100.0, 100.0))
_SLACK = 0.05
"""A predicted score may lie a little outside of the scale of the true ones."""
_SHOWN_CLASSES = 10


@dataclass(frozen=True)
class Sentiment:
    """The sentiment of every row.

    Attributes:
        values: A number for each row; more is better.
        signs: -1 for a negative row, 0 for a neutral one, 1 for a positive one.
        low: The lower end of the numbers' scale.
        high: Its upper end.
        words: How it was read, for people.
    """

    values: Floats
    signs: NDArray[np.int8]
    low: float
    high: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What a user says of classes and scale.

    Attributes:
        negative: Classes that are negative.
        positive: Classes that are positive; with either, every class not named is neutral.
        scale: Ends of the scores; None means guessed.
    """

    negative: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None

    @property
    def is_given(self) -> bool:
        """Whether classes are named."""
        return bool(self.negative or self.positive)


def read_sentiment(
    scores: Floats | None,
    labels: NDArray[np.int32] | None,
    classes: Sequence[str],
    wanted: Wanted,
) -> Sentiment:
    """The sentiment of rows that have a score, a class, or both.

    The number is the score where there is one, else that of the class. Whether a row is negative is told by its class
    where there is one, else by the third of the scale in which its score lies: of 1 to 5 stars 1 and 2 are negative.

    Args:
        scores: Score of each row, or None.
        labels: Place of each row's class in `classes`, or None.
        classes: Names of the classes.
        wanted: What the user says.

    Raises:
        DataError: A class is not known to be positive, neutral or negative, or the scale cannot be told.
    """
    words: list[str] = []
    by_class = None
    if labels is not None:
        by_class = _class_values(classes, wanted, has_score=scores is not None)
        words.append(_class_words(by_class) if by_class else "the classes are not known as positive or negative")
    if scores is not None:
        low, high = wanted.scale or _find_scale(float(scores.min()), float(scores.max()))
        words.append(f"score from {low:g} to {high:g}" + ("" if wanted.scale else " (guessed)"))
        signs = _thirds(scores, low, high)
        if by_class:
            signs = _thirds(*_of_classes(by_class, classes, labels))
        else:
            words.append(f"negative below {low + (high - low) / 3:.4g}, positive above {high - (high - low) / 3:.4g}")
        return Sentiment(scores, signs, low, high, tuple(words))
    assert by_class is not None, "without a score the classes have to be known"
    values, low, high = _of_classes(by_class, classes, labels)
    return Sentiment(values, _thirds(values, low, high), low, high, tuple(words))


def _class_values(classes: Sequence[str], wanted: Wanted, *, has_score: bool) -> dict[str, float] | None:
    """The number of each class; None where the score alone has to tell."""
    if wanted.is_given:
        return _named_values(classes, wanted)
    plain = {name: re.sub(r"[\W_]+", " ", name.casefold()).strip() if name != "-1" else name for name in classes}
    stars = {name: found for name, one in plain.items() if (found := _STARS.fullmatch(one))}
    if len(stars) == len(classes) >= _FEWEST_STARS:
        return {name: float(found.group(1)) for name, found in stars.items()}
    if set(classes) <= {"-1", "0", "1"} and "-1" in classes:
        return {name: float(name) for name in classes}
    strong = {name for name, one in plain.items() if _STRENGTH.match(one)}
    signs = {name: _SIGNS.get(_STRENGTH.sub("", one, count=1)) for name, one in plain.items()}
    unknown = [name for name, sign in signs.items() if sign is None]
    if unknown and has_score:
        return None
    if unknown:
        raise DataError(
            f"the class {printable(unknown[0])!r} is not known as positive, neutral or negative (the classes are"
            f" {_listed(classes)}); say which are with --negative NAME and --positive NAME, each as often as needed:"
            " the others count as neutral"
        )
    whole = 0.5 if strong else 1.0
    return {name: float(sign or 0) * (1.0 if name in strong else whole) for name, sign in signs.items()}


def _named_values(classes: Sequence[str], wanted: Wanted) -> dict[str, float]:
    for option, names in (("--negative", wanted.negative), ("--positive", wanted.positive)):
        absent = next((name for name in names if name not in classes), None)
        if absent is not None:
            raise DataError(f"there is no class {printable(absent)!r} ({option}); the classes are {_listed(classes)}")
    both = next((name for name in wanted.negative if name in wanted.positive), None)
    if both is not None:
        raise DataError(f"the class {printable(both)!r} is named for --negative and for --positive; drop one")
    return {name: float((name in wanted.positive) - (name in wanted.negative)) for name in classes}


def _of_classes(
    by_class: Mapping[str, float], classes: Sequence[str], labels: NDArray[np.int32] | None
) -> tuple[Floats, float, float]:
    """The number of each row's class, and the ends of the scale of classes."""
    numbers = np.array([by_class[name] for name in classes], dtype=np.float64)
    has_stars = bool(numbers.max() > 1)
    low, high = (1.0, 5.0) if has_stars else (-1.0, 1.0)
    return numbers[labels], low, high


def _find_scale(least: float, most: float) -> tuple[float, float]:
    """The narrowest usual scale that holds all scores."""
    fitting = [
        (low, high)
        for low, high in _SCALES
        if least >= low - _SLACK * (high - low) and most <= high + _SLACK * (high - low)
    ]
    if not fitting:
        raise DataError(
            f"the scores go from {least:g} to {most:g}, no usual scale; name its ends with --scale LOW:HIGH"
        )
    return min(fitting, key=lambda ends: ends[1] - ends[0])


def _thirds(values: Floats, low: float, high: float) -> NDArray[np.int8]:
    third = (high - low) / 3
    signs: NDArray[np.int8] = (values > high - third).astype(np.int8) - (values < low + third).astype(np.int8)
    return signs


def _class_words(by_class: Mapping[str, float]) -> str:
    ordered = sorted(by_class.items(), key=lambda entry: entry[1])
    shown = ", ".join(f"{printable(name)!r} = {value:g}" for name, value in ordered[:_SHOWN_CLASSES])
    return f"classes: {shown}" + (" and more" if len(ordered) > _SHOWN_CLASSES else "")


def _listed(classes: Sequence[str]) -> str:
    shown = ", ".join(repr(printable(name)) for name in classes[:_SHOWN_CLASSES])
    return shown + (f" and {len(classes) - _SHOWN_CLASSES} more" if len(classes) > _SHOWN_CLASSES else "")
