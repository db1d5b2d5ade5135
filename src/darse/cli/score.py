"""`darse score`: an adapter and a text, a file or standard input to scores."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from darse.amounts import plural
from darse.cli.estimate import rough_time
from darse.cli.present import check_adapter
from darse.cli.stop import Stop, stopping_cleanly
from darse.cli.streams import STREAM, Format, give_output, naming_input, output_for, take_input
from darse.data.check import describe_reading
from darse.data.columns import describe_columns
from darse.data.example import Task
from darse.errors import InputError
from darse.model.manifest import Manifest, peek_manifest
from darse.names import printable
from darse.score.scorable import Scorable, find_scorable
from darse.settings import DataSettings

if TYPE_CHECKING:
    from darse.score.files import FileScored
    from darse.score.scorer import AdapterScorer

_SHOWN = 100
"""The longest name of a class."""
_SHOWN_REJECTS = 3
_SILENCE_S = 30.0
"""Without a terminal nothing is said for so long."""


@dataclass(frozen=True)
class ScoreRequest:
    """What somebody wants scored.

    Attributes:
        adapter: Its folder.
        wanted: Columns of text and target in a file, its separator and its encoding.
        file: What to score, `-` for standard input; None for one text.
        text: The one text.
        target: Whose sentiment in the one text is meant.
        out: Where the scores of a file go, `-` for standard output.
        kind: What comes on standard input; None means one text a line.
        base: The base model, if it is not where the adapter says.
        trust_remote_code: Whether code of the base model may run.
        keep_formulas: Leave cells that a spreadsheet would run.
        as_json: Print JSON.
        quiet: Print no progress.
    """

    adapter: Path
    wanted: DataSettings
    file: Path | None = None
    text: str | None = None
    target: str | None = None
    out: Path | None = None
    kind: Format | None = None
    base: str | None = None
    trust_remote_code: bool = False
    keep_formulas: bool = False
    as_json: bool = False
    quiet: bool = False

    @property
    def is_input(self) -> bool:
        """Whether standard input is scored."""
        return self.file == STREAM

    @property
    def is_output(self) -> bool:
        """Whether scores of a file go to standard output, as those of standard input do by default."""
        return self.out == STREAM or (self.out is None and self.is_input)


def run_score(request: ScoreRequest) -> None:
    """Score one text, or a file into another; what can be checked is, before packages load that take seconds."""
    _check_usage(request)
    check_adapter(request.adapter, None if request.is_input else request.file)
    manifest = peek_manifest(request.adapter)
    is_kept = request.file is not None and not (request.is_input or request.is_output)
    with stopping_cleanly("run the same command again to continue" if is_kept else "nothing was written") as stop:
        if request.file is None:
            _score_text(request, manifest)
            return
        with tempfile.TemporaryDirectory(prefix="darse-") as folder, naming_input(Path(folder)):
            _score_file(request, request.file, manifest, Path(folder), stop)


def _check_usage(request: ScoreRequest) -> None:
    wanted, is_lines = request.wanted, request.is_input and request.kind in {None, "lines"}
    if request.file is None:
        if request.text is None:
            raise InputError("give a text with --text, or a file and -o")
        if request.out is not None:
            raise InputError("the scores of one text are printed; drop -o, or give a file to score")
    elif request.out is None and not request.is_input:
        raise InputError(f"say where the scores of {request.file} go with -o")
    elif request.file.suffix.casefold() == ".txt":
        raise InputError(f"give one text a line as standard input: darse score {request.adapter} - < {request.file}")
    if request.kind is not None and not request.is_input:
        raise InputError("--format is that of standard input; drop it, or give - as the file")
    if is_lines and (wanted.text or wanted.separator) is not None:
        raise InputError("one text a line has no columns; drop --text and --separator, or add --format csv")
    if request.is_output and request.as_json:
        raise InputError("the scored rows go to standard output; drop --json, or name a file with -o")


def _score_text(request: ScoreRequest, manifest: Manifest) -> None:
    text, target = request.text, request.target
    assert text is not None, "checked above"
    if manifest.task.has_target != (target is not None):
        needs = "needs a target for the text: add" if manifest.task.has_target else "was trained without targets; drop"
        raise InputError(f"this adapter {needs} --target")
    (said,) = _open(request).score([text], None if target is None else [target])
    if request.as_json:
        print(json.dumps(asdict(said)))
        return
    if said.score is not None:
        print(f"score  {score_words(said.score, manifest.task)}")
    if said.label is not None:
        print(f"label  {printable(said.label, _SHOWN)}")
        for name, value in sorted(said.probabilities.items(), key=lambda entry: -entry[1]):
            print(f"       {value:6.1%}  {printable(name, _SHOWN)}")


def score_words(score: float, task: Task) -> str:
    """A score as people read it: with its sign where the scale has two sides.

    >>> score_words(0.5, Task(score_low=-1, score_high=1)), score_words(4.25, Task(score_low=1, score_high=5))
    ('+0.500', '4.250')
    """
    return f"{score:+.3f}" if task.score_low < 0 else f"{score:.3f}"


def _score_file(request: ScoreRequest, source: Path, manifest: Manifest, folder: Path, stop: Stop) -> None:
    wanted, out = request.wanted, request.out
    if request.is_input:
        kind = request.kind or "lines"
        source = take_input(folder, kind, wanted.encoding)
        if kind == "lines":
            wanted = wanted.model_copy(update={"text": "text", "encoding": None})
    if out is None or request.is_output:
        out = output_for(source, folder)
    file = find_scorable(source, out, wanted, task=manifest.task, trained=manifest.columns)
    console = Console(stderr=True, quiet=request.quiet or request.as_json, highlight=False, soft_wrap=True)
    _tell_columns(console, file)
    result = _scored(request, file, console, stop)
    if request.is_output:
        give_output(out)
        if result.rejects is not None:
            _tell_rejects(console, result.rejects, result.rejected)
    elif request.as_json:
        print(json.dumps({"rows": result.rows, "rejected": result.rejected, "out": str(out)}))
    else:
        print(f"{plural(result.rows, 'row')} scored into {out}")
        if result.rejects is not None:
            print(f"{plural(result.rejected, 'row')} could not be scored; see {result.rejects}")


def _scored(request: ScoreRequest, file: Scorable, console: Console, stop: Stop) -> FileScored:
    from darse.score.files import count_rows, score_file

    total = count_rows(file)
    scorer = _open(request)
    with _RowProgress(console, total) as progress:
        stop.is_patient = True
        scored = score_file(
            scorer,
            file,
            neutralise_formulas=not request.keep_formulas,
            keep=not (request.is_input or request.is_output),
            progress=progress.tell,
            check=stop.check,
        )
        stop.is_patient = False  # a signal since the last batch comes too late: all is written
        return scored


class _RowProgress:
    """Rows done of all, rows per second and time left: a bar on a terminal, elsewhere a line now and then.

    Args:
        console: Where.
        total: Rows of the file.
        clock: Seconds, from anywhere.
    """

    def __init__(self, console: Console, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._total, self._clock = console, total, clock
        self._began = self._told = clock()
        columns = (TextColumn("scoring"), BarColumn(bar_width=24), MofNCompleteColumn())
        more = (TextColumn("{task.fields[rate]}"), TimeRemainingColumn(elapsed_when_finished=True))
        is_live = console.is_terminal and not console.quiet
        self._bar = Progress(*columns, *more, console=console, disable=not is_live, transient=True)
        self._task = self._bar.add_task("", total=total, rate="")

    def __enter__(self) -> _RowProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def tell(self, rows: int) -> None:
        """So many rows are done."""
        now = self._clock()
        rate = rows / max(now - self._began, 1e-9)
        self._bar.update(self._task, completed=rows, rate=f"{rate:,.0f} rows/s")
        if not self._console.is_terminal and now - self._told >= _SILENCE_S and rows < self._total:
            self._told = now
            left = rough_time((self._total - rows) / rate)
            self._console.print(f"{rows:,} of {plural(self._total, 'row')}, {rate:,.0f} rows/s, about {left} left")


def _open(request: ScoreRequest) -> AdapterScorer:
    from darse.score.scorer import AdapterScorer

    return AdapterScorer.open(request.adapter, base=request.base, trust_remote_code=request.trust_remote_code)


def _tell_columns(console: Console, file: Scorable) -> None:
    if file.how_read:
        console.print(f"read with: {describe_reading(file.how_read)}", markup=False)
    console.print(f"columns: {describe_columns(file.columns)}", markup=False)


def _tell_rejects(console: Console, rejects: Path, amount: int) -> None:
    """Rows that are not on standard output; their list goes with the folder that it lies in."""
    with rejects.open(encoding="utf-8") as file:
        first = [json.loads(line) for line in islice(file, _SHOWN_REJECTS)]
    told = "; ".join(f"line {one['line']}: {one['reason']}" for one in first)
    console.print(
        f"{plural(amount, 'row')} could not be scored: {told}" + ("; ..." if amount > len(first) else ""), markup=False
    )
