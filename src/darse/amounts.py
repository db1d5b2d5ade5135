"""A number and a noun to words."""

from __future__ import annotations


def plural(amount: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "trial"), plural(1200, "trial"), plural(2, "class"), plural(2, "study"), plural(2, "day")
    ('1 trial', '1,200 trials', '2 classes', '2 studies', '2 days')
    """
    if amount != 1:
        is_like_study = noun.endswith("y") and noun[-2:-1] not in "aeiou"
        noun = f"{noun[:-1]}ies" if is_like_study else noun + ("es" if noun.endswith("s") else "s")
    return f"{amount:,} {noun}"
