"""`darse explore`: options to a study, with progress and a summary, or to what it would be."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from darse.cli.present import check_model
from darse.cli.stop import how_to_continue, stopping_cleanly
from darse.data.load import load_labelled
from darse.data.source import refuse_absent
from darse.names import folder_name, without_secrets
from darse.settings import as_option, settings_from_options

if TYPE_CHECKING:
    from darse.search.result import Result


def run_explore(
    source: str,
    options: dict[str, object],
    *,
    out: Path | None,
    store: str | None,
    fresh: bool,
    dry_run: bool,
    command: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a study and print where everything lies; what can be checked is, before packages load that take seconds."""
    settings = settings_from_options(options, called=as_option)
    refuse_absent(source)
    check_model(settings.model, trust_remote_code=settings.trust_remote_code)
    with stopping_cleanly("" if dry_run else how_to_continue(fresh=fresh)) as stop:
        data = load_labelled(source, settings.data, seed=settings.search.seed)
        if not (quiet or as_json):
            print("loading torch and transformers ...", file=sys.stderr)
        folder = out if out is not None else Path(f"darse-{folder_name(source)}")
        if dry_run:
            from darse.cli.outlook import show_outlook

            show_outlook(data, settings, as_json=as_json)
            if not (quiet or as_json):
                print(f"nothing was written; without --dry-run the study goes to {folder}")
            return
        from darse.cli.progress import Display
        from darse.publish import publish
        from darse.report.summary import summary_lines
        from darse.study.request import Request
        from darse.study.run import run_study

        request = Request(data, settings, folder, store, fresh, command)
        with Display(stop, settings, is_quiet=quiet, is_json=as_json) as display:
            finished = run_study(request, display.audience())
            stop.end_patience()
            publish(finished, folder, store)
    if as_json:
        print(json.dumps({"event": "verdict", **finished.result.verdict_json(), "folder": str(folder)}))
        return
    print("\n".join(summary_lines(finished.result)))
    print(f"report   {folder / 'report.html'}")
    print(f"adapter  {folder / 'adapter'}")
    print(f"verdict  {folder / 'verdict.json'}")
    print(f"next     {next_command(finished.result, folder, store)}")


def next_command(result: Result, folder: Path, store: str | None = None) -> str:
    """What to do next: export the best uniform plan where the verdict advises one and it was trained, else score."""
    from darse.ranks.plan import is_uniform
    from darse.search.controls import BEST_UNIFORM, option_name

    trained = {control.name for control in result.verdict.controls}
    is_advised = result.verdict.verdict == "no_difference" and not is_uniform(result.plan, result.sites)
    if is_advised and BEST_UNIFORM in trained:
        where = "" if store is None else f" --store {shlex.quote(without_secrets(store))}"
        return f"darse export {folder} --plan {option_name(BEST_UNIFORM)}{where}"
    target = ' --target "..."' if result.task.has_target else ""
    return f'darse score {folder / "adapter"} --text "..."{target}'
