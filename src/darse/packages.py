"""The packages that a result stands on to their installed versions."""

from __future__ import annotations

import importlib.metadata
import re

_SHAPING = ("torch", "transformers", "tokenizers", "numpy", "scipy", "scikit-learn", "darse")
"""Those that shape a trial's bits; scikit-learn fits the head that a run starts from, scipy the temperature."""
_WRITING = ("peft", "safetensors")
"""Those that shape the exported adapter besides."""


def shaping_versions() -> str:
    """The installed versions of the packages that shape a trial's bits, as a study's identity takes them."""
    return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in _SHAPING)


def recorded_versions() -> dict[str, str]:
    """The version of every package that a study's trials and adapter depend on, by name."""
    return {name: importlib.metadata.version(name) for name in sorted((*_SHAPING, *_WRITING))}


def required_packages() -> list[str]:
    """The names of all packages that darse needs, its extras left out.

    >>> {"torch", "scikit-learn"} <= set(required_packages())
    True
    """
    needed = (one for one in importlib.metadata.requires("darse") or [] if "extra ==" not in one)
    return [re.split(r"[^\w.-]", one)[0] for one in needed]
