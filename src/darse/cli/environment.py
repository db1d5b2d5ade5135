"""Variables that other libraries read when they are first imported, set before they are."""

from __future__ import annotations

import os

_DEFAULTS = {
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # an error of the hub is told once, by us, and not with every try before
    "HF_HUB_VERBOSITY": "error",
    # waiting threads sleep: spinning ones make two searches on one machine many times slower
    "OMP_WAIT_POLICY": "passive",
}


def prepare() -> None:
    """Set what the user has not set."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
