"""`darse score`: an adapter and a text or a file to scores."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from darse.cli.present import check_adapter
from darse.cli.stop import stopping_cleanly
from darse.data.columns import describe_columns
from darse.errors import InputError
from darse.names import printable
from darse.report.words import plural

if TYPE_CHECKING:
    from darse.score.scorer import Scorer

_SHOWN = 100
"""The longest name of a class."""


def run_score(
    adapter: Path,
    file: Path | None,
    *,
    text: str | None,
    target: str | None,
    out: Path | None,
    base: str | None,
    trust_remote_code: bool,
    keep_formulas: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score one text, or a file into another."""
    if file is None and text is None:
        raise InputError("give a text with --text, or a file and -o")
    if file is not None and out is None:
        raise InputError(f"say where the scores of {file} go with -o")
    if file is None and out is not None:
        raise InputError("the scores of one text are printed; drop -o, or give a file to score")
    check_adapter(adapter, file)
    with stopping_cleanly() as stop:
        from darse.score.files import score_file
        from darse.score.scorer import AdapterScorer

        scorer = AdapterScorer.open(adapter, base=base, trust_remote_code=trust_remote_code)
        if file is None or out is None:
            assert text is not None
            _print_one(scorer, text, target, as_json=as_json)
            return
        with _bar(quiet or as_json) as bar:
            task = bar.add_task("scoring", total=None)
            result = score_file(
                scorer,
                file,
                out,
                text=text,
                target=target,
                neutralise_formulas=not keep_formulas,
                chosen=lambda columns: bar.console.print(f"columns: {describe_columns(columns)}", markup=False),
                progress=lambda rows: bar.update(task, completed=rows),
                check=stop.check,
            )
    if as_json:
        print(json.dumps({"rows": result.rows, "rejected": result.rejected, "out": str(out)}))
        return
    print(f"{plural(result.rows, 'row')} scored into {out}")
    if result.rejects is not None:
        print(f"{plural(result.rejected, 'row')} could not be scored; see {result.rejects}")


def _print_one(scorer: Scorer, text: str, target: str | None, *, as_json: bool) -> None:
    (said,) = scorer.score([text], None if target is None else [target])
    if as_json:
        print(json.dumps(asdict(said)))
        return
    if said.score is not None:
        print(f"score  {said.score:+.3f}")
    if said.label is not None:
        print(f"label  {printable(said.label, _SHOWN)}")
        for name, value in sorted(said.probabilities.items(), key=lambda entry: -entry[1]):
            print(f"       {value:6.1%}  {printable(name, _SHOWN)}")


def _bar(is_quiet: bool) -> Progress:
    console = Console(stderr=True, quiet=is_quiet, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=is_quiet or not console.is_terminal, transient=True)
