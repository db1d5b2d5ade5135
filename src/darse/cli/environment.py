"""Variables that other libraries read when they are first imported, set before they are."""

from __future__ import annotations

import os

_DEFAULTS = {
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # an error of the hub is told once, by us, and not with every try before
    "HF_HUB_VERBOSITY": "error",
    # how long a waiting thread spins before it sleeps: with the library's own, much longer time two searches on one
    # machine slow each other down sevenfold, without any time one alone takes a third longer (docs/engine.md)
    "GOMP_SPINCOUNT": "2000",
    # kernels kept ready; with the library's own 1,024, one for every shape of a batch that ever was, a search takes a
    # third more memory and is no faster (docs/engine.md)
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
}


def prepare() -> None:
    """Set what the user has not set."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
