"""`darse report`: a finished study to its report, written again, or to its verdict."""

from __future__ import annotations

import json
from pathlib import Path

from darse.store.folder import refuse_empty


def run_report(folder: Path, *, study: str | None, store: str | None, out: Path | None, as_json: bool) -> None:
    """Write the report again, or print the verdict."""
    refuse_empty(folder, store)
    from darse.api import open_study
    from darse.cli.earlier import remark_if_continued
    from darse.publish import write_report
    from darse.report.summary import summary_lines

    result = open_study(folder, store, study=study).result
    remark_if_continued(folder, store, result.study)
    if as_json:
        print(json.dumps(result.verdict_json(), indent=2))
        return
    path = out if out is not None else folder / "report.html"
    write_report(result, path, follows_link=out is not None)
    print("\n".join(summary_lines(result)))
    print(f"report   {path}")
