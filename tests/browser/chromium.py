"""Where the browser is, and what marks the tests that need it."""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]
