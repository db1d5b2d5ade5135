"""`darse explore`: options to a study, with progress and a summary."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from darse.cli.present import check_source
from darse.cli.stop import stopping_cleanly
from darse.names import folder_name
from darse.settings import as_option, settings_from_options


def run_explore(
    source: str,
    options: dict[str, object],
    *,
    out: Path | None,
    store: str | None,
    fresh: bool,
    command: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a study and print where everything lies."""
    settings = settings_from_options(options, called=as_option)
    check_source(source, settings.model)
    with stopping_cleanly() as stop:
        if not (quiet or as_json):
            print("loading torch and transformers ...", file=sys.stderr)
        from darse.cli.progress import Display
        from darse.publish import publish
        from darse.report.summary import summary_lines
        from darse.study import Request, run_study

        folder = out if out is not None else Path(f"darse-{folder_name(source)}")
        request = Request(source, settings, folder, store, fresh, command)
        with Display(stop, settings, is_quiet=quiet, is_json=as_json) as display:
            finished = run_study(request, display.audience())
            stop.end_patience()
            publish(finished, folder)
    if as_json:
        print(json.dumps({"event": "verdict", **finished.result.verdict_json(), "folder": str(folder)}))
        return
    print("\n".join(summary_lines(finished.result)))
    print(f"report   {folder / 'report.html'}")
    print(f"adapter  {folder / 'adapter'}")
    print(f"verdict  {folder / 'verdict.json'}")
    target = ' --target "..."' if finished.result.task.has_target else ""
    print(f'next     darse score {folder / "adapter"} --text "..."{target}')
