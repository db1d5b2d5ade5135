"""`darse gate`: a candidate, a baseline and a policy to an exit code, with JSON and JUnit for CI systems."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from darse.cli.eval import check_data, open_cells
from darse.cli.eval_tables import plain_console
from darse.cli.serve import DEFAULT_STORE
from darse.cli.stop import Stop, stopping_cleanly
from darse.data.source import DEMO
from darse.errors import AdapterError, InputError
from darse.files import write_durably
from darse.names import printable
from darse.settings import DataSettings

if TYPE_CHECKING:
    from darse.testing.baselines import Baseline
    from darse.testing.dataset import Dataset, Wanted
    from darse.testing.entry import Entry
    from darse.testing.gate import Gate
    from darse.testing.policy import Policy

_WORDS = {"passed": "passed", "failed": "FAILED", "undecided": "cannot tell"}


@dataclass(frozen=True)
class GateRequest:
    """What somebody wants gated.

    Attributes:
        baseline: Name of a baseline, or a folder.
        candidate: Folder of an adapter or of a study, FOLDER or NAME=FOLDER.
        data: A labelled file.
        policy: YAML file of what is asked; None asks for not worse by two points, or by a tenth of the error.
        settings: Columns of the file, and how it is read.
        rows: Which rows of a file with official splits.
        junit: Where JUnit XML goes, or None.
        store: Address of the store.
        base: The base model, if it is not where the adapters say.
        trust_remote_code: Whether code of the base model may run.
        as_json: Print JSON.
        quiet: Print no progress.
    """

    baseline: str
    candidate: str
    data: str
    policy: Path | None = None
    settings: DataSettings = field(default_factory=DataSettings)
    rows: Wanted = "auto"
    junit: Path | None = None
    store: str = DEFAULT_STORE
    base: str | None = None
    trust_remote_code: bool = False
    as_json: bool = False
    quiet: bool = False


def run_gate(request: GateRequest) -> None:
    """Hold the gate, keep how it ended, and exit with 1 if the candidate may not pass."""
    _check_usage(request)
    console = Console(stderr=True, quiet=request.quiet or request.as_json, highlight=False, soft_wrap=True)
    with stopping_cleanly("run the same command again to continue") as stop:
        from darse.testing.policy import Policy, read_policy

        policy = Policy() if request.policy is None else read_policy(request.policy)
        gate = _held(request, policy, stop, console)
        if request.junit is not None:
            from darse.testing.junit import as_junit

            write_durably(request.junit, as_junit(gate), follows_link=True)
    if request.as_json:
        from darse.testing.record import gate_record

        print(json.dumps(gate_record(gate), ensure_ascii=False, allow_nan=False))
    else:
        _print(gate)
    if not gate.is_passed:
        raise typer.Exit(1)


def _check_usage(request: GateRequest) -> None:
    check_data(request.data)
    if request.policy is not None and not request.policy.is_file():
        raise InputError(f"{request.policy}: there is no such file; check --policy")
    if request.junit is not None:
        given = [one for one in (request.policy, None if request.data == DEMO else Path(request.data)) if one]
        if request.junit.resolve() in {one.resolve() for one in given}:
            raise InputError(f"the JUnit file would overwrite {request.junit}; give another --junit")


def _held(request: GateRequest, policy: Policy, stop: Stop, console: Console) -> Gate:
    from darse.store.evaluations import GateRow
    from darse.testing.baselines import baseline_cell, find_baseline
    from darse.testing.cells import compute_cell
    from darse.testing.dataset import read_dataset
    from darse.testing.gate import hold_gate
    from darse.testing.matrix_file import entries_of, named_folder
    from darse.testing.quality import judge_cell
    from darse.testing.record import gate_record

    (candidate,) = entries_of(
        [named_folder(request.candidate)], base=request.base, trust_remote_code=request.trust_remote_code
    )
    data = read_dataset(request.data, request.settings, part=request.rows)
    for note in data.notes:
        console.print(printable(note, 300), markup=False)
    with open_cells(request.store) as store:
        baseline = find_baseline(store.evaluations, request.baseline)
        stop.is_patient = True
        before = baseline_cell(
            store,
            baseline,
            data,
            base=request.base,
            trust_remote_code=request.trust_remote_code,
            check=stop.check,
        )
        after = compute_cell(store, candidate, data, check=stop.check)
        ms = _times(request, policy, baseline, candidate, data, stop) if policy.budgets.asks_for_time else None
        stop.end_patience()
        gate = hold_gate(policy, judge_cell(before, data), judge_cell(after, data), data, ms=ms)
        body = {
            **gate_record(gate),
            "policy": policy.model_dump(mode="json"),
            "cells": {"baseline": before.id, "candidate": after.id},
            "folder": candidate.facts.folder,
        }
        store.evaluations.add_gate(GateRow(time.time(), request.baseline, gate.outcome, body))
    return gate


def _times(
    request: GateRequest, policy: Policy, baseline: Baseline, candidate: Entry, data: Dataset, stop: Stop
) -> dict[str, float]:
    """Milliseconds of the candidate, and of the baseline where the policy asks and it is still there."""
    from darse.testing.baselines import baseline_entry
    from darse.testing.gate import BASELINE, CANDIDATE
    from darse.testing.latency import measure_ms

    entries = {CANDIDATE: candidate}
    if policy.budgets.ms_ratio is not None:
        with suppress(AdapterError):  # the check says that it cannot be told
            entries[BASELINE] = baseline_entry(baseline, base=request.base, trust_remote_code=request.trust_remote_code)
    return measure_ms(entries, data, check=stop.check)


def _print(gate: Gate) -> None:
    console = plain_console()
    for check in gate.checks:
        console.print(
            f"{_WORDS[check.outcome]:<12} {printable(check.name, 100)}: {printable(check.sentence, 300)}",
            markup=False,
            soft_wrap=True,
        )
    verdict = "passed" if gate.is_passed else "FAILED"
    undecided = " (what cannot be told counts as failed)" if gate.outcome == "undecided" and not gate.is_passed else ""
    names = f"{printable(gate.candidate)} against {printable(gate.baseline)} on {printable(gate.data)}"
    console.print(f"\n{verdict}: {names}{undecided}", markup=False, soft_wrap=True)
