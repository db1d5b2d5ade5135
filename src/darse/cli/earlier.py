"""A study whose result is shown to a remark on stderr, where it has been continued since and has not ended again."""

from __future__ import annotations

import sys
from pathlib import Path


def remark_if_continued(folder: Path, store: str | None, study: str) -> None:
    """Say that the result is that of the earlier search, if it is."""
    from darse.archive import find_study, open_archive

    with open_archive(folder, store) as archive:
        state = find_study(archive, study).state
    if state == "finished":
        return
    # one that was killed still counts as running
    since = "was continued and stopped" if state == "stopped" else "was continued and has not ended"
    print(
        f"study {study} {since}: this is the result of the earlier search; its command again continues it",
        file=sys.stderr,
    )
