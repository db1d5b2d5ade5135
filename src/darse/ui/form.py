"""What a page can be asked to show, as fields of a form whose answers stand in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """A field.

    Attributes:
        name: In the address.
        label: For people.
        value: What is chosen.
        options: Values and their texts; none for a field of free text.
    """

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Form:
    """A form that changes nothing.

    Attributes:
        title: Its heading.
        action: The page that it leads to.
        fields: What can be chosen.
        kept: Names and values that go along.
        checks: Boxes to tick: name, value, text, and whether it is ticked.
        checks_title: What they are.
        checks_action: The page that they lead to.
        checks_button: What leads there.
    """

    title: str
    action: str
    fields: Sequence[Field]
    kept: Sequence[tuple[str, str]] = ()
    checks: Sequence[tuple[str, str, str, bool]] = ()
    checks_title: str = ""
    checks_action: str = ""
    checks_button: str = "Show"
