"""What a user says of how a file is to be read, beside what its name says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from darse.settings import DataSettings


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read; what is None is found out.

    Attributes:
        separator: What stands between the columns of a CSV or TSV file.
        encoding: Of the text of a CSV, TSV or JSON Lines file.
        nested: Dotted paths into the objects of a JSON Lines file; each is a column of the rows without a key of that
            name.
    """

    separator: str | None = None
    encoding: str | None = None
    nested: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: DataSettings, *others: str) -> Self:
        """The reading that settings ask for; a column of theirs, or another, that has a dot in its name may be a path.

        >>> Reading.of(DataSettings(text="review.body", label="stars", separator=";"))
        Reading(separator=';', encoding=None, nested=('review.body',))
        """
        nested = tuple(name for name in (*settings.named.values(), *others) if "." in name)
        return cls(settings.separator, settings.encoding, nested)
