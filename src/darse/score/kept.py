"""What is scored of a file that is not done yet, beside its result, so that the same command goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from darse.errors import StoreError
from darse.files import write_durably

_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")


class Kept:
    """Scores of chunks, each under a digest of its scorer and of its texts: what is found is what would be computed.

    So nothing has to be known of the file or of how far an earlier command came, and rows are neither lost nor doubled
    whatever has changed in between.

    Args:
        folder: Where; it is made when there is something to keep, and removed by `forget`. None keeps nothing.
        scorer: Names the scorer; the same name means the same scores.
        columns: Values of a row.
    """

    def __init__(self, folder: Path | None, scorer: str, columns: int) -> None:
        self._folder, self._scorer, self._columns = folder, scorer, columns

    def find(self, texts: Sequence[str], targets: Sequence[str] | None) -> NDArray[np.float64] | None:
        """What was put for these very texts, shape (rows, columns); None if there is nothing, or it is damaged."""
        if self._folder is None:
            return None
        try:
            values = load(self._path(self._folder, texts, targets).read_bytes())["values"]
        except (OSError, SafetensorError, KeyError, ValueError):
            return None
        is_ours = values.dtype == np.float64 and values.shape == (len(texts), self._columns)
        return values if is_ours and np.isfinite(values).all() else None

    def put(self, texts: Sequence[str], targets: Sequence[str] | None, values: NDArray[np.float64]) -> None:
        """Keep what was scored, durably.

        Raises:
            StoreError: The disk refuses.
        """
        if self._folder is not None:
            write_durably(self._path(self._folder, texts, targets), save({"values": values}))

    def forget(self) -> None:
        """Remove what was kept; anything else in the folder stays."""
        if self._folder is None or self._folder.is_symlink() or not self._folder.is_dir():
            return
        with contextlib.suppress(OSError):
            for path in [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]:
                path.unlink(missing_ok=True)
            self._folder.rmdir()

    def refuse_foreign(self) -> None:
        """See that the place is free or ours, before long work.

        Raises:
            StoreError: It is not.
        """
        if self._folder is not None and (self._folder.is_symlink() or self._folder.is_file()):
            raise StoreError(f"{self._folder} is in the way: unfinished scores go into a folder of that name; move it")

    def _path(self, folder: Path, texts: Sequence[str], targets: Sequence[str] | None) -> Path:
        key = json.dumps([self._scorer, list(texts), None if targets is None else list(targets)])
        return folder / f"{hashlib.sha256(key.encode()).hexdigest()}.safetensors"
