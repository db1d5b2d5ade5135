"""A training run's last snapshot in one file, replaced as a whole and checked when read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from darse.files import safetensors_metadata, sha256_of_bytes, write_durably
from darse.train.loop import Progress, Snapshot
from darse.train.trace import TracePoint

_DIGEST_LENGTH = 64


def checkpoint_of(folder: Path, trial: str) -> CheckpointFile:
    """Where the snapshot of a trial's run is."""
    return CheckpointFile(folder / f"{trial}.safetensors")


def forgetting(folder: Path) -> Callable[[str], None]:
    """What forgets the snapshot of a trial's run, given its id."""
    return lambda trial: checkpoint_of(folder, trial).remove()


class CheckpointFile:
    """Keeps one run's snapshot: the SHA-256 of the rest, then safetensors with the progress as metadata.

    A file that is torn, changed or from another version counts as no checkpoint: the run starts again, which costs
    time and nothing else.

    Args:
        path: Where.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Snapshot | None:
        """The snapshot, or None if there is none that can be trusted."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        digest, body = content[:_DIGEST_LENGTH], content[_DIGEST_LENGTH:]
        if sha256_of_bytes(body).encode() != digest:
            return None
        try:
            values = json.loads(safetensors_metadata(body)["progress"])
            return Snapshot(_progress(values), load_safetensors(body))
        except (SafetensorError, KeyError, TypeError, ValueError, RecursionError):
            return None

    def save(self, snapshot: Snapshot) -> None:
        """Replace the snapshot, durably."""
        values = json.dumps(asdict(snapshot.progress))  # infinity is written as Infinity, which json reads back
        body = save_safetensors(snapshot.tensors, metadata={"progress": values})
        write_durably(self.path, sha256_of_bytes(body).encode() + body)

    def remove(self) -> None:
        """Forget the snapshot: the run is finished and stored."""
        self.path.unlink(missing_ok=True)


def _progress(values: dict[str, Any]) -> Progress:
    """The inverse of `asdict`, whose JSON has lists for tuples."""
    curve = tuple(tuple(point) for point in values["curve"])
    trace = tuple(
        TracePoint(one["epoch"], tuple(one["gradient"]), tuple(one["update"]), tuple(one["effective_rank"]))
        for one in values["trace"]
    )
    return Progress(**values | {"curve": curve, "gradients": tuple(values["gradients"]), "trace": trace})
