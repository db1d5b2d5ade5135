"""Text from outside to a safe identifier or file name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePath

from darse.errors import InputError

MAX_NAME_LENGTH = 80
_SHOWN_PATH = 1000
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)), *(f"lpt{i}" for i in range(1, 10))}
)


def safe_name(text: str) -> str:
    """A file name made of letters, digits, `-` and `_` that says what the text said.

    Raises:
        InputError: Nothing usable is left, or the text is far too long.

    >>> safe_name("Q3 reviews (final).csv")
    'q3-reviews-final-csv'
    """
    if len(text) > 4 * MAX_NAME_LENGTH:
        raise InputError(f"a name of {len(text)} characters is too long; use at most {MAX_NAME_LENGTH}")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:MAX_NAME_LENGTH].rstrip("-_")
    if not name or name in _RESERVED:
        raise InputError(f"{text!r} cannot be used as a name; use letters, digits, '-' and '_'")
    return name


def folder_name(source: str) -> str:
    r"""A folder name for a study of some source; a name without Latin letters or digits gives a digest.

    >>> folder_name("reviews/Q3.csv"), len(folder_name("\u043e\u0442\u0437\u044b\u0432\u044b.csv"))
    ('q3', 14)
    """
    stem = PurePath(source).stem
    try:
        return safe_name(stem)
    except InputError:
        return f"study-{hashlib.sha256(source.encode('utf-8', 'replace')).hexdigest()[:8]}"


def without_secrets(argument: str) -> str:
    """An argument as it may be shown: a database's address loses its user, its password and its options.

    >>> without_secrets("--store=postgresql://ann:s3c@ret@db/darse?password=x")
    '--store=postgresql://***@db/darse?***'
    """
    if "://" not in argument:
        return argument
    return re.sub(r"\?.*", "?***", re.sub(r"://.*@", "://***@", argument, flags=re.DOTALL), flags=re.DOTALL)


def first_line(error: BaseException | None) -> str:
    r"""The first line of what somebody else's error says, or its name if it says nothing, as `printable` text.

    >>> first_line(ValueError("no such thing\n  at 0x7f")), first_line(KeyError())
    ('no such thing', 'KeyError')
    """
    lines = str(error).strip().splitlines()
    return printable(lines[0] if lines else type(error).__name__, 160)


def printable(text: str, limit: int = 60) -> str:
    r"""Text from outside, shortened and stripped of control characters, for one line of a message.

    >>> printable("a" * 5 + chr(27) + "[31m", limit=8)
    'aaaaa�[…'
    """
    shown = "".join(
        "\ufffd" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else character
        for character in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def printable_path(path: str) -> str:
    """A path or the name of a model or data set as `printable` text: whole, if it is one that somebody could mean."""
    return printable(path, _SHOWN_PATH)
