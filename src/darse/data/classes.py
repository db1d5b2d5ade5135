"""How often each label stands in a source to the classes of the task, in the order of the head's rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping

from darse.data.labels import find_label_problem
from darse.errors import DataError
from darse.names import printable

MAX_CLASSES = 100
MIN_CLASS_ROWS = 3
"""One row for each split is the least that a class needs."""
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_WORDS = {
    -1.0: ("negative", "neg", "bad", "bearish", "dissatisfied", "unfavorable", "unfavourable", "against"),
    0.0: ("neutral", "neu", "mixed", "neither", "none"),
    1.0: ("positive", "pos", "good", "bullish", "satisfied", "favorable", "favourable", "favor", "favour"),
}
_STRENGTHS = {
    2.0: ("very", "strong", "strongly", "extremely", "highly"),
    0.5: ("slightly", "somewhat", "mildly", "weakly", "weak", "moderately", "rather"),
}
_VALENCES = {word: valence for valence, words in _WORDS.items() for word in words}
_FACTORS = {word: factor for factor, words in _STRENGTHS.items() for word in words}


def find_variants(counts: Mapping[str, int]) -> dict[str, str]:
    """Labels that are another label written differently, each with the reason to refuse it.

    `Positive` beside a more frequent `positive`, `1.0` beside `1`: taking them for classes of their own would
    teach the model a difference that is not there, and merging them is for the user to say (`--label-map`).

    Args:
        counts: Rows of each label as written.

    >>> sorted(find_variants({"positive": 9, "Positive": 2, "negative": 8}))
    ['Positive']
    """
    refused = {}
    leaders: dict[str, str] = {}
    for label in sorted(counts, key=lambda one: (-counts[one], one != _fold(one), one)):
        leader = leaders.setdefault(_fold(label), label)
        if leader != label:
            refused[label] = (
                "the label differs only in case, width or white space from a more frequent class;"
                " map it with --label-map"
            )
    whole = sum(count for label, count in counts.items() if _INTEGER.fullmatch(label))
    if 2 * whole > sum(counts.values()):
        for label in counts:
            if not _INTEGER.fullmatch(label):
                refused[label] = "the label is no whole number as most labels are; map it with --label-map"
    return refused


def refuse_free_text(labels: Collection[str]) -> None:
    """Refuse a column with so many different labels that it is not one of labels.

    Raises:
        DataError: There are more than a hundred.
    """
    if len(labels) > MAX_CLASSES:
        raise DataError(
            f"the label column has {len(labels)} different values, more than {MAX_CLASSES}: it looks like"
            " free text or a number; name the right column with --label, or use --score"
        )


def order_classes(labels: Collection[str]) -> tuple[str, ...]:
    """The classes in a meaningful order: from negative to positive, by number, or by name.

    Raises:
        DataError: There are fewer than two.

    >>> order_classes(["positive", "negative", "neutral"])
    ('negative', 'neutral', 'positive')
    >>> order_classes(["10", "9"])
    ('9', '10')
    """
    if len(labels) < 2:
        only = f"only the class {printable(next(iter(labels)))!r} has" if labels else "no class has"
        raise DataError(f"{only} {MIN_CLASS_ROWS} usable rows or more; at least two classes are needed")
    valences = {label: _valence(label) for label in labels}
    if all(valence is not None for valence in valences.values()):
        return tuple(sorted(labels, key=lambda label: (valences[label] or 0.0, label)))
    if all(_NUMBER.fullmatch(label) for label in labels):
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    return tuple(sorted(labels))


def check_label_map(label_map: Mapping[str, str]) -> None:
    """Refuse an explicit table whose classes could not be told apart or printed.

    Raises:
        DataError: It names a class that is empty, invisible, or a variant of another one.
    """
    names = sorted(set(label_map.values()))
    for name in names:
        problem = find_label_problem(name)
        if problem is not None and problem != "marks a missing value":
            raise DataError(f"the class {printable(name)!r} in --label-map {problem}; name it otherwise")
    if len({_fold(name) for name in names}) < len(names):
        shown = ", ".join(map(printable, names))
        raise DataError(f"classes in --label-map differ only in case, width or white space: {shown}")


def _fold(label: str) -> str:
    return "".join(unicodedata.normalize("NFKC", label).casefold().split())


def _valence(label: str) -> float | None:
    words = re.split(r"[\s_-]+", label.casefold())
    valence = _VALENCES.get(words[-1])
    if valence is None or len(words) > 2:
        return None
    return valence if len(words) == 1 else valence * _FACTORS[words[0]] if words[0] in _FACTORS else None
