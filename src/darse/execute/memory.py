"""Memory that a trial no longer needs, back to the machine."""

from __future__ import annotations

import ctypes
from functools import cache


def give_back() -> None:
    """Return free memory to the operating system, where the C library knows how (glibc).

    Tensors of many sizes come and go in a trial; what they leave free in between adds up from trial to trial otherwise.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another system, or another C library
        return None
