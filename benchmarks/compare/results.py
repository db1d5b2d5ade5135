"""The results file: a line per finished cell, appended durably; a torn last line counts as none."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Record = dict[str, object]


def read(path: Path) -> dict[str, Record]:
    """Finished cells by key; of two lines of one cell the later one counts."""
    found: dict[str, Record] = {}
    if not path.is_file():
        return found
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
            found[str(record["key"])] = record
        except (ValueError, KeyError, TypeError):
            continue  # torn by a kill; the cell runs again
    return found


def append(path: Path, record: Record) -> None:
    """Add a line and make it last; several processes may do so at once."""
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size and not _ends_a_line(path, size):
            file.write(b"\n")
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Hold a lock file for the length of a `with` block; False if another process holds it. A kill frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def packed(losses: Floats) -> Record:
    """Losses of shape (seeds, rows) as a few characters of JSON; float32, which is exact for 0 and 1."""
    content = zlib.compress(losses.astype("<f4").tobytes(), 9)
    return {"shape": list(losses.shape), "zlib_float32": base64.b64encode(content).decode()}


def unpacked(value: object) -> Floats:
    """The inverse of `packed`, up to float32."""
    assert isinstance(value, dict)
    content = zlib.decompress(base64.b64decode(value["zlib_float32"]))
    losses: Floats = np.frombuffer(content, "<f4").reshape(value["shape"]).astype(np.float64)
    return losses


def number(record: Record, name: str) -> float:
    """A figure of a record."""
    value = record[name]
    assert isinstance(value, int | float)
    return float(value)


def _ends_a_line(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
