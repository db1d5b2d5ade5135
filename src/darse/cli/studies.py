"""`darse studies`, `report` and `export`: what a store already holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from darse.errors import InputError
from darse.model.adapter import Profile
from darse.store.sql import SqlStore


def run_studies(folder: Path, *, store: str | None, as_json: bool) -> None:
    """List the studies, oldest first."""
    with _open(folder, store) as opened:
        records = [(record, len(opened.trials(record.id))) for record in opened.studies()]
    if as_json:
        listed = [
            {"id": one.id, "name": one.name, "state": one.state, "created": one.created, "trials": trials}
            for one, trials in records
        ]
        print(json.dumps(listed))
        return
    print(f"{'id':<18}{'begun (UTC)':<18}{'state':<10}{'trials':>7}  name")
    for one, trials in records:
        begun = datetime.fromtimestamp(one.created, UTC).strftime("%Y-%m-%d %H:%M")
        print(f"{one.id:<18}{begun:<18}{one.state:<10}{trials:>7}  {one.name}")


def run_report(folder: Path, *, study: str | None, store: str | None, out: Path | None, as_json: bool) -> None:
    """Write the report again, or print the verdict."""
    from darse.publish import write_report
    from darse.report.summary import summary_lines
    from darse.study import read_result

    with _open(folder, store) as opened:
        result = read_result(opened, _own(folder, study))
    if result is None:
        raise InputError(f"{folder} has no finished study{f' {study!r}' if study else ''}; see: darse studies {folder}")
    if as_json:
        print(json.dumps(result.verdict_json(), indent=2))
        return
    path = out if out is not None else folder / "report.html"
    write_report(result, path)
    print("\n".join(summary_lines(result)))
    print(f"report   {path}")


def run_export(
    folder: Path, *, out: Path | None, profile: Profile, as_: str, study: str | None, store: str | None
) -> None:
    """Export the adapter in a profile, or the plan as a LoraConfig."""
    from darse.publish import export_again, plan_as_json, plan_as_python
    from darse.study import read_result

    with _open(folder, store) as opened:
        result = read_result(opened, _own(folder, study))
        if result is None:
            raise InputError(f"{folder} has no finished study; see: darse studies {folder}")
        if as_ == "adapter":
            path = out if out is not None else folder / f"adapter-{profile}"
            export_again(result, opened, path, profile)
            print(f"{profile} adapter in {path}")
            return
    text = plan_as_python(result) if as_ == "lora-config" else json.dumps(plan_as_json(result), indent=2) + "\n"
    if out is None:
        print(text, end="")
    else:
        from darse.files import write_durably

        write_durably(out, text.encode())
        print(f"written to {out}")


def _own(folder: Path, study: str | None) -> str | None:
    """The study that was asked for, or the one whose verdict lies in the folder; a store may hold others."""
    verdict = folder / "verdict.json"
    if study is not None or not verdict.is_file():
        return study
    try:
        return str(json.loads(verdict.read_bytes())["study"])
    except (ValueError, KeyError, TypeError):
        return None


def _open(folder: Path, store: str | None) -> SqlStore:
    if store is None and not (folder / "study.db").is_file():
        raise InputError(f"{folder} has no study.db; give the folder that explore wrote")
    from darse.study import open_study_store

    return open_study_store(folder, store)
