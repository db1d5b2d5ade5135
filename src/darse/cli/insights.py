"""`darse insights`: a scored or labelled file to a page and JSON of what changed, where, and which rows show it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from darse.cli.stop import stopping_cleanly
from darse.data.check import describe_reading
from darse.data.source import DEMO
from darse.errors import DataError, InputError, SettingsError
from darse.files import write_durably, write_json
from darse.names import printable
from darse.settings import DataSettings

if TYPE_CHECKING:
    from darse.insight.columns import Readable
    from darse.insight.insights import Insights
    from darse.insight.periods import Period
    from darse.insight.sentiment import Wanted

_HEAD_BYTES = 200
_MOST_SENTENCES = 5


@dataclass(frozen=True)
class InsightsRequest:
    """What somebody wants to know of a file.

    Attributes:
        file: The file, or `demo`.
        data: Columns of text, label and score, separator and encoding.
        by: Column of the groups.
        time: Column of the dates.
        lang: Column of the language.
        negative: Classes that are negative.
        positive: Classes that are positive.
        scale: Ends of the score, as LOW:HIGH.
        period: How long a period is; None chooses.
        few: Groups with fewer dated rows are not judged.
        seed: Of draws and shuffles.
        out: Where the page goes.
        as_json: Print the JSON.
    """

    file: Path
    data: DataSettings
    by: str | None = None
    time: str | None = None
    lang: str | None = None
    negative: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    scale: str | None = None
    period: Period | None = None
    few: int | None = None
    seed: int = 0
    out: Path | None = None
    as_json: bool = False


def run_insights(request: InsightsRequest) -> None:
    """Read a file, write its page and its JSON, and print what got worse lately."""
    wanted, out = _wanted(request), request.out or _default_out(request.file)
    beside = out.with_suffix(".json")
    _check_places(request.file, out, beside)
    console = Console(stderr=True, quiet=request.as_json, highlight=False, soft_wrap=True)
    with stopping_cleanly("nothing was written") as stop, ExitStack() as stack:
        from darse.insight.columns import Named, find_readable
        from darse.insight.insights import FEW_ROWS, Asked, find_insights
        from darse.insight.page import render_insights
        from darse.insight.record import as_record

        path = request.file
        if str(path) == DEMO:
            path = stack.enter_context(resources.as_file(resources.files("darse.data") / "demo.csv"))
        file = find_readable(path, Named(request.data, request.by, request.time, request.lang), name=str(request.file))
        _tell_columns(console, file)
        asked = Asked(wanted, request.period, FEW_ROWS if request.few is None else request.few, request.seed)
        stop.is_patient = True
        found = find_insights(file, asked, check=stop.check)
        stop.end_patience()
        console.print(f"sentiment: {'; '.join(found.rows.sentiment.words)}", markup=False)
        record = as_record(found)
        write_durably(out, render_insights(found).encode(), follows_link=True)
        write_json(beside, record)
    if request.as_json:
        print(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        _print(found, out, beside)


def _wanted(request: InsightsRequest) -> Wanted:
    from darse.insight.sentiment import Wanted

    scale = None if request.scale is None else _ends(request.scale)
    return Wanted(request.negative, request.positive, scale)


def _ends(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        low = high = 0.0
    if not -1e9 < low < high < 1e9:
        raise SettingsError([f"--scale must be LOW:HIGH, two numbers of which the first is lower, got {text!r}"])
    return low, high


def _default_out(file: Path) -> Path:
    return file.with_name(f"{file.stem}-insights.html")


def _check_places(file: Path, out: Path, beside: Path) -> None:
    """Refuse at once what could not be written, or would overwrite what is not ours."""
    if str(file) != DEMO and not (file.exists() or file.is_symlink()):
        raise DataError("there is no such file; check the path", path=printable(str(file), 1000))
    if out.suffix.casefold() not in {".html", ".htm"}:
        raise InputError(f"the page is HTML, and {out} does not end in .html; give another -o")
    if file.resolve() in {out.resolve(), beside.resolve()}:
        raise InputError(f"the result would overwrite {file}; give another -o")
    if beside.exists() and not _is_ours(beside):
        raise InputError(f"{beside} is no earlier result of darse insights; move it, or give another -o")


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b'"darse-insights ' in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _tell_columns(console: Console, file: Readable) -> None:
    if file.how_read:
        console.print(f"read with: {describe_reading(file.how_read)}", markup=False)
    console.print(f"columns: {file.columns.words}", markup=False)
    if file.columns.others:
        names = " or ".join(repr(printable(name)) for name in file.columns.others[:5])
        console.print(f"groups could be {names}: name one with --by", markup=False)


def _print(found: Insights, out: Path, beside: Path) -> None:
    from darse.insight.page import about, cautions
    from darse.insight.words import badge_sentence, badge_words, issue_sentence

    console = Console(highlight=False, soft_wrap=True)
    console.print(about(found), markup=False)
    console.print(f"\n{badge_words(found)[0]}", markup=False)
    if found.issues:
        for issue in found.issues[:_MOST_SENTENCES]:
            console.print(f"  {issue_sentence(issue, found)}", markup=False)
    else:
        console.print(f"  {badge_sentence(found)}", markup=False)
    for caution in cautions(found):
        console.print(caution, markup=False)
    console.print(f"\npage  {out}\njson  {beside}", markup=False)
