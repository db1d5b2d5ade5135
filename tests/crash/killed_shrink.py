"""Work on an adapter, killed again and again at durable steps ever further on, until it is done.

`python -m tests.crash.killed_shrink ADAPTER DATA FOLDER` prints how many kills there were, how often finished trials
were done again, and what the folder holds in the end beside what undisturbed work leaves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from darse.execute.local import Watcher
from darse.publish import publish_shrunk
from darse.settings import settings_from_options
from darse.shrink.prepare import ShrinkRequest
from darse.shrink.run import shrink
from darse.shrink.work import ShrinkAudience
from darse.store.folder import SHRINK_FILE

from ..store.scenarios.forks import note, notes, run_alone
from ..store.scenarios.kill import Killer

KINDS = ("negative", "neutral", "positive")
_FURTHER = 1.6
"""Ratio of the steps that neighbouring tries come to."""
_TIMES = ("seconds", "started", "study", "command")


def main(adapter: str, data: str, folder: Path) -> None:
    if run_alone(_work(adapter, data, folder, "whole", None)) != 0:
        raise RuntimeError("the work does not end even without a kill")
    kills, position = 0, 8.0
    while (code := run_alone(_work(adapter, data, folder, "killed", int(position)))) < 0:
        kills += 1
        position *= _FURTHER
    done = notes(folder / "killed.done")
    found = {
        "kills": kills,
        "code": code,
        "twice": len(done) - len(set(done)),
        "trials": len(set(done)),
        "is_same": _content(folder / "killed") == _content(folder / "whole"),
    }
    print(json.dumps(found))


def _work(adapter: str, data: str, folder: Path, name: str, position: int | None) -> Callable[[], None]:
    def job() -> None:
        settings = settings_from_options({"granularity": "layer", "seeds": 2, "epochs": 3, "budget": "500"})
        request = ShrinkRequest(adapter, data, settings, folder / name, KINDS)
        watcher = Watcher(finished=lambda trial: note(folder / f"{name}.done", trial.id))
        if position is not None:
            killer = Killer("step", position)
            killer.watch()
            killer.arm()
        publish_shrunk(shrink(request, ShrinkAudience(trials=watcher)), folder / name)

    return job


def _content(folder: Path) -> dict[str, object]:
    """The exported files by their digests, and the verdict without times."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "adapter").glob("*.safetensors")
    }
    verdict = json.loads((folder / SHRINK_FILE).read_bytes())
    return {**files, "verdict": {name: value for name, value in verdict.items() if name not in _TIMES}}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
