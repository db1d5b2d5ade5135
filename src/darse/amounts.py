"""A number and a noun to words."""

from __future__ import annotations


def plural(amount: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "trial"), plural(1200, "trial"), plural(2, "class")
    ('1 trial', '1,200 trials', '2 classes')
    """
    return f"{amount:,} {noun}" + ("" if amount == 1 else "es" if noun.endswith("s") else "s")
