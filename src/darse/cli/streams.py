"""Standard input to a file that can be read twice, and a finished file to standard output."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from darse.data.delimited import USUAL_SEPARATORS
from darse.data.open_file import open_lines
from darse.errors import DataError, InputError

STREAM = Path("-")
_INPUT = "input"
Format = Literal["lines", "csv", "tsv", "jsonl"]


def take_input(folder: Path, kind: Format, encoding: str | None) -> Path:
    """Everything that comes on standard input as a file; it lies on the disk, since it may be long.

    Args:
        folder: Where the file goes.
        kind: What comes; one text a line becomes JSON Lines with the one column `text`.
        encoding: Of one text a line.

    Raises:
        InputError: There is none, or it is no text.
    """
    if sys.stdin is None:
        raise InputError("there is no standard input; give a file")
    path = folder / f"{_INPUT}.{'txt' if kind == 'lines' else kind}"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return _as_json_lines(path, encoding) if kind == "lines" else path


def output_for(source: Path, folder: Path) -> Path:
    """The file that goes to standard output later: a CSV or TSV for one, else JSON Lines."""
    suffix = source.suffix.casefold()
    return folder / f"output{suffix if suffix in USUAL_SEPARATORS else '.jsonl'}"


def give_output(path: Path) -> None:
    """Copy a file to standard output, byte for byte."""
    sys.stdout.flush()
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


@contextmanager
def naming_input(folder: Path) -> Iterator[None]:
    """Let errors about the file of standard input in a folder speak of standard input."""
    try:
        yield
    except DataError as error:
        if error.path is None or Path(error.path).parent != folder or Path(error.path).stem != _INPUT:
            raise
        raise DataError(error.reason, path="standard input", line=error.line) from error


def _as_json_lines(path: Path, encoding: str | None) -> Path:
    """One text a line to one object a line; a line stays where it was, so that its number says where it stood."""
    target = path.with_suffix(".jsonl")
    with open_lines(path, encoding) as lines, target.open("w", encoding="utf-8") as file:
        for line in lines:
            text = line.rstrip("\r\n")
            file.write(json.dumps({"text": text}) + "\n" if text.strip() else "\n")
    return target
