"""`darse shrink`: an adapter and a labelled file to a smaller adapter, with progress and a summary."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from darse.cli.present import check_model, check_peft_adapter
from darse.cli.stop import Stop, how_to_continue, stopping_cleanly
from darse.data.load import load_labelled
from darse.data.source import refuse_absent
from darse.names import folder_name
from darse.settings import Profile, as_option, settings_from_options
from darse.store.folder import SHRINK_FILE

if TYPE_CHECKING:
    from darse.data.example import DataCheck
    from darse.shrink.work import Audience
    from darse.store.trial import Trial


def run_shrink(
    adapter: str,
    source: str,
    options: dict[str, object],
    *,
    model: str | None,
    labels: str | None,
    out: Path | None,
    profile: Profile,
    fresh: bool,
    command: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Shrink an adapter and print where everything lies; what can be checked is, before packages are loaded."""
    settings = settings_from_options(options, called=as_option)
    check_peft_adapter(adapter)
    refuse_absent(source)
    if model is not None:
        check_model(model, trust_remote_code=settings.trust_remote_code)
    named = tuple(label.strip() for label in labels.split(",")) if labels is not None else ()
    with stopping_cleanly(how_to_continue(fresh=fresh)) as stop:
        data = load_labelled(source, settings.data, seed=settings.search.seed)
        if not (quiet or as_json):
            print("loading torch and transformers ...", file=sys.stderr)
        from darse.publish import publish_shrunk
        from darse.report.shrink_summary import shrink_lines
        from darse.shrink.run import Request, shrink

        folder = out if out is not None else shrunk_folder(adapter)
        request = Request(adapter, data, settings, folder, named, model, command, fresh)
        with _Display(stop, is_quiet=quiet or as_json) as display:
            finished = shrink(request, display.audience())
            stop.end_patience()
            publish_shrunk(finished, folder, profile)
    if as_json:
        print(json.dumps({**finished.result.as_json(), "folder": str(folder)}, allow_nan=False))
        return
    print("\n".join(shrink_lines(finished.result)))
    print(f"\nadapter  {folder / 'adapter'}")
    print(f"verdict  {folder / SHRINK_FILE}")
    print(f'next     darse score {folder / "adapter"} --text "..."')


def shrunk_folder(adapter: str) -> Path:
    """Where the result goes by default: called as the adapter, or as its study where that is called `adapter`.

    >>> str(shrunk_folder("models/my-adapter")), str(shrunk_folder("darse-reviews/adapter"))
    ('darse-shrunk-my-adapter', 'darse-shrunk-reviews')
    """
    path = Path(os.path.abspath(adapter))  # noqa: PTH100 - a link keeps its name, and `..` goes
    name = path.name
    if re.fullmatch(r"adapter(-.*)?", name) and path.parent.name:
        name = f"{path.parent.name}{name.removeprefix('adapter')}"
    return Path(f"darse-shrunk-{folder_name(name.removeprefix('darse-'))}")


class _Display:
    """Shows how many plans of each stage are done.

    Args:
        stop: Asked at every batch.
        is_quiet: Show nothing.
    """

    def __init__(self, stop: Stop, *, is_quiet: bool) -> None:
        self.stop = stop
        self.console = Console(stderr=True, quiet=is_quiet, highlight=False, soft_wrap=True)
        is_live = self.console.is_terminal and not is_quiet
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = Progress(*columns, console=self.console, disable=not is_live, transient=True)
        self.task = self.bar.add_task("", total=None)

    def __enter__(self) -> _Display:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def audience(self) -> Audience:
        """What the work calls."""
        from darse.execute.local import Watcher
        from darse.shrink.work import Audience

        return Audience(self._check, self._stage, Watcher(self.stop.check, finished=self._finished))

    def _check(self, check: DataCheck) -> None:
        from darse.data.check import describe

        self.stop.is_patient = True
        self.console.print("\n".join(describe(check)), markup=False)

    def _stage(self, stage: str, plans: int) -> None:
        amount = f" ({plans} plans)" if plans > 1 else ""
        self.console.print(f"{stage}{amount}", markup=False)
        self.bar.reset(self.task, description=stage, total=plans or None)

    def _finished(self, trial: Trial) -> None:
        self.bar.advance(self.task)
