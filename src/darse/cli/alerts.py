"""Alert rules and a server's log to how each rule stands, told to whoever is to know."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from darse.cli.stop import stopping_cleanly
from darse.cli.watch import moment_words, span_given
from darse.errors import InputError
from darse.names import printable

if TYPE_CHECKING:
    from darse.monitor.guard import Guard, Stands


@dataclass(frozen=True)
class AlertsRequest:
    """What is to be done by the rules.

    Attributes:
        store: Address of the store.
        rules: The file of rules.
        is_following: Whether to look again and again.
        mute: Name of a rule that is to be silent.
        mute_for: How long.
        try_out: Name of a rule to fire for a test.
        as_json: Print JSON.
    """

    store: str
    rules: Path
    is_following: bool = False
    mute: str | None = None
    mute_for: str | None = None
    try_out: str | None = None
    as_json: bool = False


def run_alerts(request: AlertsRequest) -> None:
    """Look once, or for ever; exit code 1 if a rule stands at alert after a single look."""
    if (request.mute is None) != (request.mute_for is None):
        raise InputError("--mute NAME says which rule and --for 2h how long; give both")
    from darse.monitor.guard import guard_by
    from darse.store.open import open_store

    with open_store(request.store, must_exist=True) as store:
        guard, every_s = guard_by(store.traffic, request.rules, store)
        if request.mute is not None and request.mute_for is not None:
            _mute(guard, request.mute, request.mute_for)
        elif request.try_out is not None:
            guard.try_out(request.try_out, time.time())
            print(f"every target was told of {printable(request.try_out)}, as a test")
        elif request.is_following:
            _follow(guard, every_s, request.as_json)
        else:
            stands = guard.look(time.time())
            _print(stands, as_json=request.as_json)
            if any(one.standing.level == "alert" for one in stands):
                raise typer.Exit(1)


def _mute(guard: Guard, name: str, span: str) -> None:
    until = time.time() + span_given(span)
    guard.mute(name, until)
    print(f"{printable(name)} is silent until {moment_words(until)} UTC")


def _follow(guard: Guard, every_s: float, as_json: bool) -> None:
    with stopping_cleanly("what has still to be told is told by the next look") as stop:
        before: dict[str, str] = {}
        while True:
            stop.is_patient = True
            stands = guard.look(time.time())
            changed = [one for one in stands if before.get(one.rule.name) != one.standing.level]
            before = {one.rule.name: one.standing.level for one in stands}
            if changed:
                _print(changed, as_json=as_json)
            stop.end_patience()
            threading.Event().wait(every_s)


def _print(stands: Sequence[Stands], *, as_json: bool) -> None:
    if as_json:
        told = {one.rule.name: one.standing.model_dump(exclude={"outbox"}) for one in stands}
        print(json.dumps(told), flush=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    for one in stands:
        value = "no data" if one.standing.value is None else f"{one.standing.value:.4g}"
        since = f" since {moment_words(one.standing.since)} UTC" if one.standing.since else ""
        waiting = sum(len(notice.waiting) for notice in one.standing.outbox)
        late = f"; {waiting} still to be told" if waiting else ""
        console.print(f"{one.standing.level:8}{printable(one.rule.name)}: {value}{since}{late}", markup=False)
