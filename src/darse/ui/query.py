"""The part of an address after `?` to values that are within bounds, and back to the addresses of links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

MAX_LENGTH = 200
"""Characters of a value; a longer one is cut."""
_MAX_FIELDS = 50


@dataclass(frozen=True)
class Query:
    """What a page is asked to show; a value that makes no sense is the usual one, so that an old link still opens.

    Attributes:
        path: Of the page.
        pairs: Names and values, in order.
    """

    path: str
    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, path: str, text: str) -> Query:
        """The query of an address.

        Args:
            path: Decoded, as an application is given it.
            text: What follows the `?`.
        """
        try:
            pairs = parse_qsl(text, max_num_fields=_MAX_FIELDS)
        except ValueError:
            pairs = []
        return cls(path, tuple((name[:MAX_LENGTH], value[:MAX_LENGTH]) for name, value in pairs))

    def text(self, name: str, usual: str = "") -> str:
        """A text; the last one counts."""
        return next((value for key, value in reversed(self.pairs) if key == name), usual)

    def texts(self, name: str) -> list[str]:
        """All texts of a name, each once."""
        return list(dict.fromkeys(value for key, value in self.pairs if key == name))

    def number(self, name: str, usual: int, *, low: int, high: int) -> int:
        """A whole number, moved inside its bounds.

        >>> [Query.of("/", f"page={text}").number("page", 1, low=1, high=9) for text in ("3", "0", "9" * 90, "x", "")]
        [3, 1, 9, 1, 1]
        """
        text = self.text(name)
        if not (text.isascii() and text.isdecimal()):
            return usual
        return min(max(int(text[:10]), low), high) if len(text) <= 10 else high

    def choice(self, name: str, allowed: Sequence[str], usual: str) -> str:
        """One of some words."""
        text = self.text(name, usual)
        return text if text in allowed else usual

    def link(self, **changed: object) -> str:
        """The address of this page with other values; None takes one away.

        >>> Query.of("/a b", "sort=seed&page=3").link(page=None, sort="score")
        '/a%20b?sort=score'
        """
        kept = [(name, value) for name, value in self.pairs if name not in changed]
        more = [(name, str(value)) for name, value in changed.items() if value is not None]
        return address(self.path, [*kept, *more])

    def moved(self, path: str, **changed: object) -> str:
        """The address of another page with the same values."""
        return Query(path, self.pairs).link(**changed)


def address(path: str, pairs: Sequence[tuple[str, str]] = ()) -> str:
    """An address within this server."""
    text = urlencode(pairs)
    return quote(path) + (f"?{text}" if text else "")
