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

from darse.amounts import plural
from darse.cli.present import check_model, check_peft_adapter
from darse.cli.stop import Stop, how_to_continue, stopping_cleanly
from darse.data.load import load_labelled
from darse.data.source import refuse_absent
from darse.names import folder_name
from darse.settings import Profile, as_option, settings_from_options
from darse.store.folder import SHRINK_FILE

if TYPE_CHECKING:
    from darse.data.example import DataCheck
    from darse.shrink.prepare import ShrinkRequest
    from darse.shrink.work import ShrinkAudience
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
    dry_run: bool,
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
    with stopping_cleanly("" if dry_run else how_to_continue(fresh=fresh)) as stop:
        data = load_labelled(source, settings.data, seed=settings.search.seed)
        if not (quiet or as_json):
            print("loading torch and transformers ...", file=sys.stderr)
        from darse.shrink.prepare import ShrinkRequest

        folder = out if out is not None else shrunk_folder(adapter)
        request = ShrinkRequest(adapter, data, settings, folder, named, model, command, fresh)
        if dry_run:
            _show_outlook(request, stop, as_json=as_json)
            if not (quiet or as_json):
                print(f"nothing was written; without --dry-run the result goes to {folder}")
            return
        from darse.publish import publish_shrunk
        from darse.report.shrink_summary import shrink_lines
        from darse.score.onnx import require_exporter
        from darse.shrink.run import shrink

        if profile == "onnx":
            require_exporter()
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


def _show_outlook(request: ShrinkRequest, stop: Stop, *, as_json: bool) -> None:
    from darse.cli.estimate import rough_time
    from darse.data.check import data_check_as_json, describe
    from darse.shrink.outlook import look_ahead

    ahead = look_ahead(request, stop.check)
    layout, budget = ahead.layout, ahead.budget
    if as_json:
        print(json.dumps({"event": "data", **data_check_as_json(ahead.check)}, allow_nan=False))
        facts = {
            "parameters": layout.stored_cost,
            "ranks": dict(zip((site.name for site in layout.sites), layout.tops, strict=True)),
            "budget": budget,
            "passes": ahead.passes,
            "pass_seconds": float(f"{ahead.pass_s:.3g}"),
        }
        print(json.dumps({"event": "outlook", **facts}, allow_nan=False))
        return
    ranks = sorted(set(layout.tops))
    told = f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {ranks[0]} to {ranks[-1]}"
    print("\n".join(describe(ahead.check)))
    print(f"adapter: {plural(layout.stored_cost, 'parameter')}, {plural(len(layout.sites), 'site')} of {told}")
    print(f"budget: {'none' if budget is None else plural(budget, 'parameter')}")
    print(
        f"a pass over the validation rows takes about {rough_time(ahead.pass_s)} here; at most "
        f"{plural(ahead.passes, 'pass')}, {rough_time(ahead.passes * ahead.pass_s)}; where no cut holds, "
        "short trainings come on top"
    )


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

    def audience(self) -> ShrinkAudience:
        """What the work calls."""
        from darse.execute.local import Watcher
        from darse.shrink.work import ShrinkAudience

        return ShrinkAudience(self._check, self._stage, Watcher(self.stop.check, finished=self._finished))

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
