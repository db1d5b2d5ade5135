"""An adapter's folder, or a server's log, to the sample that is usual."""

from __future__ import annotations

import json
from pathlib import Path

from darse.errors import AdapterError, StoreError
from darse.evaluate.sample import Sample
from darse.model.manifest import REFERENCE_FILE, read_manifest
from darse.store.traffic import Traffic

_MAX_BYTES = 8 << 20


def reference_of(folder: Path) -> Sample | None:
    """What an adapter says of rows that it has not learned from; None if its folder does not tell.

    Raises:
        AdapterError: The folder is no adapter of ours, or damaged.
    """
    if REFERENCE_FILE not in read_manifest(folder).files:
        return None
    path = folder / REFERENCE_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        values = json.loads(path.read_bytes())
        if not isinstance(values, dict):
            raise ValueError("it is no table")
        return Sample.from_json(values)
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(f"{path} is damaged; export the adapter again") from error


def usual_of(traffic: Traffic, adapter: str) -> Sample | None:
    """What a server has kept as usual of an adapter, by its digest; None if it has not."""
    kept = traffic.usual(adapter)
    if kept is None:
        return None
    try:
        return Sample.from_json(kept)
    except ValueError as error:
        raise StoreError(f"what is usual of adapter {adapter[:12]} cannot be read: {error}; serve it again") from error
