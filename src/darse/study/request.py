"""What somebody wants to know of some data and a model, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from darse.data.example import DataCheck, LabelledData
from darse.data.source import Source
from darse.execute.bench import Bench
from darse.execute.local import Watcher
from darse.execute.user import UserFunction
from darse.search.driver import Listener
from darse.search.identity import Opened
from darse.settings import Settings


@dataclass(frozen=True)
class Audience:
    """Who is told how a study goes.

    Attributes:
        check: Told the data check before anything is trained.
        opened: Told whether the study is continued, and what changed.
        ready: Told what trials stand on, before the first training run that is still to be made; an own evaluator
            trains none here.
        search: Told of stages and wanted trials.
        trials: Told of each trial; its `check` may stop the study.
    """

    check: Callable[[DataCheck], None] = lambda check: None
    opened: Callable[[Opened], None] = lambda opened: None
    ready: Callable[[Bench], None] = lambda bench: None
    search: Listener = field(default_factory=Listener)
    trials: Watcher = field(default_factory=Watcher)


@dataclass(frozen=True)
class Request:
    """What somebody wants to know.

    Attributes:
        source: The labelled source, or what has been read of it; None only with a user's own evaluator.
        settings: Of the study.
        out: Folder of the study.
        store: Address of the store; None means `study.db` in the folder.
        fresh: Start anew even if the study is there.
        command: What reproduces the request.
        evaluator: A user's own function, instead of training here.
    """

    source: Source | LabelledData | None
    settings: Settings
    out: Path
    store: str | None = None
    fresh: bool = False
    command: str = ""
    evaluator: UserFunction | None = None

    @property
    def checkpoints(self) -> Path:
        """Folder of the training snapshots."""
        return self.out / "checkpoints"
