"""A folder that is replaced, killed before and after every call that changes the disk.

`python -m tests.crash.killed_folder FOLDER` prints how many kills there were and every problem.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from darse.files import replacing_folder

from ..store.scenarios.forks import run_alone
from ..store.scenarios.kill import Killer

MARKER = "manifest"


class RefusedError(Exception):
    """An export that fails."""


def main(root: Path) -> None:
    kills, problems, position = 0, list[str](), 0
    while True:
        folder = root / str(position) / "adapter"
        _replace(folder, "old")
        code = run_alone(_killed(folder, position))
        kills += code < 0
        problems += [f"kill {position}: {problem}" for problem in _problems(folder)]
        if code == 0:
            break
        position += 1
    print(json.dumps({"kills": kills, "problems": problems}))


def _replace(folder: Path, content: str) -> None:
    with replacing_folder(folder, marker=MARKER) as fresh:
        (fresh / MARKER).write_text(content)
        (fresh / "inner").mkdir()
        (fresh / "inner" / "weights").write_text(content)


def _killed(folder: Path, position: int) -> Callable[[], None]:
    def job() -> None:
        killer = Killer("step", position)
        killer.watch()
        killer.arm()
        _replace(folder, "new")

    return job


def _problems(folder: Path) -> list[str]:
    """What is wrong after the kill, once the folder is used again: in vain at first, then well."""
    found = []
    if folder.exists() and _content(folder) not in ("old", "new"):
        found.append(f"a mixture: {_content(folder)}")
    try:
        with replacing_folder(folder, marker=MARKER):
            raise RefusedError
    except RefusedError:
        if _content(folder) not in ("old", "new"):
            found.append(f"not restored: {_content(folder)}")
    _replace(folder, "newest")
    if _content(folder) != "newest":
        found.append(f"not replaced: {_content(folder)}")
    # what a killed export had begun stays under its hidden name, since its process might be alive
    beside = [path.name for path in folder.parent.iterdir() if path != folder and path.suffix != ".part"]
    return found + [f"left beside: {name}" for name in beside]


def _content(folder: Path) -> str:
    """What both files say, if the folder is whole."""
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    is_whole = set(texts) == {MARKER, "inner/weights"} and len(set(texts.values())) == 1
    return texts[MARKER] if is_whole else str(texts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
