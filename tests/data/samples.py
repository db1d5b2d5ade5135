"""Small labelled sources for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darse.data.example import SplitName
from darse.data.labelled import LabelledRow, text_key

Record = dict[str, object]


def records(count: int = 60, classes: Sequence[str] = ("negative", "positive")) -> list[Record]:
    """Rows with different texts whose classes alternate."""
    return [
        {"text": f"{classes[i % len(classes)]} sentence number {i}", "label": classes[i % len(classes)]}
        for i in range(count)
    ]


def csv_text(count: int = 60, *, end: str = "\n") -> str:
    """The same rows as CSV."""
    lines = ["text,label", *(f"{row['text']},{row['label']}" for row in records(count))]
    return "".join(f"{line}{end}" for line in lines)


def write(path: Path, content: str | bytes) -> Path:
    """Write a file as it is, without any translation, and give its path back."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def labelled_row(
    text: str,
    label: str | None = "a",
    *,
    line: int = 1,
    score: float | None = None,
    split: SplitName | None = None,
    group: str | None = None,
) -> LabelledRow:
    """A labelled row with the parts that a test is about."""
    return LabelledRow(line, text, None, label, score, split, group, text_key(text, None))
