"""Names from outside become file names that stay where they are put."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darse.errors import InputError
from darse.names import MAX_NAME_LENGTH, printable, safe_name

HOSTILE = [
    "..",
    ".",
    "../..",
    "..\\..",
    "%2e%2e",
    "/etc/passwd",
    "C:\\Windows",
    "\\\\server\\share",
    "a\0b",
    "．．／x",
    "a" * 300,
    "name\n",
    "-rf",
    "~",
    "$(x)",
    "a;b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_harmless_or_refused(text: str) -> None:
    try:
        name = safe_name(text)
    except InputError:
        return
    assert re.fullmatch(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?", name)
    assert len(name) <= MAX_NAME_LENGTH


@pytest.mark.parametrize("text", ["con", "CON", "Aux", "nul", "com1", "LPT9", "", "   ", "---", "市場", "a" * 321])
def test_names_that_say_nothing_or_belong_to_a_device_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        safe_name(text)


@given(st.text(max_size=330))
def test_any_text_gives_a_name_that_names_itself_or_the_input_error(text: str) -> None:
    try:
        name = safe_name(text)
    except InputError:
        return
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)
    assert safe_name(name) == name


@given(st.text(max_size=200), st.integers(1, 80))
def test_printable_text_is_short_and_moves_no_cursor(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in shown)
    shown.encode()


def test_short_plain_text_is_shown_as_it_is() -> None:
    assert printable("Grüße, 市場") == "Grüße, 市場"
    assert printable("a" * 61) == "a" * 59 + "…"
