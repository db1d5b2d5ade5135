"""What servers answered, window by window, to a table of figures and to what has drifted."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from darse.errors import InputError
from darse.names import printable

if TYPE_CHECKING:
    from darse.monitor.watching import Seen

_MAX_WINDOWS = 1000
_SHOWN = 30
_FILE_WIDTH = 200
"""Columns of what is no terminal: nothing there is cut."""


@dataclass(frozen=True)
class WatchRequest:
    """What somebody wants to see.

    Attributes:
        store: Address of the store.
        adapter: Folder of the adapter whose sample is usual; None takes what the log has kept.
        window: Length of a window: 90m, 1h, 2d.
        windows: How many, up to now.
        served_as: Of which label.
        as_json: Print JSON.
    """

    store: str
    adapter: Path | None
    window: str
    windows: int
    served_as: str
    as_json: bool = False


def run_watch(request: WatchRequest) -> None:
    """Print the windows, and what has drifted in them."""
    from darse.monitor.reference import reference_of
    from darse.monitor.watching import watch
    from darse.store.open import open_store

    if not 1 <= request.windows <= _MAX_WINDOWS:
        raise InputError(f"--windows is {request.windows}; 1 to {_MAX_WINDOWS} can be shown")
    window_s = span_given(request.window)
    usual = None
    if request.adapter is not None and (usual := reference_of(request.adapter)) is None:
        raise InputError(f"{request.adapter} does not tell what is usual; export it again, or drop --adapter")
    with open_store(request.store, must_exist=True) as store:
        seen = watch(
            store.traffic,
            now=time.time(),
            window_s=window_s,
            windows=request.windows,
            served_as=request.served_as,
            usual=usual,
        )
    if request.as_json:
        print(json.dumps([_as_json(one) for one in seen]))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    filled = [one for one in seen if one.window.texts or one.window.requests.total()]
    if not filled:
        raise InputError("nothing was answered in these windows; ask for longer ones with --window, or more of them")
    console.print(_table(filled))
    for line in _lines(filled):
        console.print(line, markup=False, soft_wrap=True)


def span_given(text: str) -> float:
    """Seconds of a span of time that stands on the command line.

    Raises:
        InputError: It is none.
    """
    from darse.monitor.rules import read_span

    try:
        return read_span(text)
    except ValueError as error:
        raise InputError(str(error)) from error


def _as_json(seen: Seen) -> dict[str, object]:
    return {
        "since": seen.window.since,
        "until": seen.window.until,
        "figures": seen.window.figures,
        "drift": {
            adapter: None if found is None else [asdict(one) | {"is_shown": one.is_shown} for one in found]
            for adapter, found in seen.drifts.items()
        },
    }


def _table(seen: Sequence[Seen]) -> Table:
    table = Table(box=None, pad_edge=False)
    labels = sorted({name for one in seen for name in one.window.figures if name.startswith("share:")})
    columns: dict[str, tuple[str, str]] = {
        "texts": ("texts", ",.0f"),
        "error_share": ("errors", ".1%"),
        "busy_share": ("busy", ".1%"),
        "latency_p99_s": ("p99, s", ".3f"),
        **{name: (printable(name.removeprefix("share:"), _SHOWN), ".0%") for name in labels},
        "score_mean": ("score", ".3f"),
        "confidence_mean": ("confidence", ".3f"),
        "tokens_mean": ("tokens", ".1f"),
        "accuracy": ("accuracy", ".1%"),
        "mse": ("mse", ".4f"),
    }
    used = {name: told for name, told in columns.items() if any(name in one.window.figures for one in seen)}
    table.add_column("from (UTC)")
    for heading, _ in used.values():
        table.add_column(heading, justify="right")
    table.add_column("drift")
    for one in seen:
        figures = one.window.figures
        cells = [format(figures[name], form) if name in figures else "" for name, (_, form) in used.items()]
        table.add_row(moment_words(one.window.since), *cells, ", ".join(_columns(one)))
    return table


def _columns(seen: Seen) -> list[str]:
    from darse.monitor.drift import COLUMNS

    return list(dict.fromkeys(COLUMNS[one.column] for one in seen.shown))


def _lines(seen: Sequence[Seen]) -> list[str]:
    """What has drifted in the last window that had texts, and what could not be looked at."""
    from darse.monitor.drift import COLUMNS

    last = next((one for one in reversed(seen) if one.window.texts), seen[-1])
    lines = [
        f"drift since {moment_words(last.window.since)}: {COLUMNS[one.column]}, distance {one.effect:.2f} "
        f"(p {one.p:.2g}): {one.before:.3g} is usual, now {one.after:.3g}"
        for one in last.shown
    ]
    if not lines and any(last.drifts.values()):
        lines.append(f"no drift since {moment_words(last.window.since)}")
    for adapter, found in last.drifts.items():
        if found is None:
            lines.append(f"nothing is known to be usual of adapter {adapter[:12]}; give its folder with --adapter")
        elif not found:
            lines.append(f"adapter {adapter[:12]} has too few texts to be compared")
    return lines


def moment_words(seconds: float) -> str:
    """A moment as people read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
