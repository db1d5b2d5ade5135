"""`darse studies`, `report` and `export`: what a store already holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from darse.model.adapter import Profile
from darse.names import printable
from darse.store.protocol import Event, Store, StudyRecord


def run_studies(folder: Path, *, study: str | None, store: str | None, as_json: bool) -> None:
    """List the studies, oldest first, or show one with its history."""
    from darse.archive import find_study, open_archive

    with open_archive(folder, store) as archive:
        if study is None:
            _list(archive, as_json=as_json)
        else:
            _show(archive, find_study(archive, study), as_json=as_json)


def run_report(folder: Path, *, study: str | None, store: str | None, out: Path | None, as_json: bool) -> None:
    """Write the report again, or print the verdict."""
    from darse.api import open_study
    from darse.publish import write_report
    from darse.report.summary import summary_lines

    result = open_study(folder, store, study=study).result
    if as_json:
        print(json.dumps(result.verdict_json(), indent=2))
        return
    path = out if out is not None else folder / "report.html"
    write_report(result, path)
    print("\n".join(summary_lines(result)))
    print(f"report   {path}")


def run_export(
    folder: Path,
    *,
    out: Path | None,
    profile: Profile,
    as_: str,
    plan: str | None,
    study: str | None,
    store: str | None,
    base: str | None,
) -> None:
    """Export the adapter of a plan in a profile, or the plan as a LoraConfig."""
    from darse.api import open_study
    from darse.publish import choose_plan, plan_as_json, plan_as_python
    from darse.report.facts import FOUND
    from darse.search.controls import option_name

    found = open_study(folder, store, study=study)
    chosen = choose_plan(found.result, plan)
    if as_ == "adapter":
        parts = ["adapter", *([] if chosen.name == FOUND else [option_name(chosen.name)]), profile]
        path = found.export(out if out is not None else folder / "-".join(parts), profile, plan=plan, base=base)
        print(f"{profile} adapter of the {chosen.name} in {path}")
        return
    if as_ == "lora-config":
        text = plan_as_python(found.result, chosen)
    else:
        text = json.dumps(plan_as_json(found.result, chosen), indent=2) + "\n"
    if out is None:
        print(text, end="")
    else:
        from darse.files import write_durably

        write_durably(out, text.encode())
        print(f"written to {out}")


def _list(store: Store, *, as_json: bool) -> None:
    records = [(record, len(store.trials(record.id))) for record in store.studies()]
    if as_json:
        print(json.dumps([_head(record, trials) for record, trials in records]))
        return
    print(f"{'id':<18}{'begun (UTC)':<21}{'state':<10}{'trials':>7}  name")
    for one, trials in records:
        print(f"{one.id:<18}{_moment(one.created):<21}{one.state:<10}{trials:>7}  {printable(one.name)}")


def _show(store: Store, record: StudyRecord, *, as_json: bool) -> None:
    trials, failures, events = len(store.trials(record.id)), store.failures(record.id), store.events(record.id)
    if as_json:
        shown = {
            **_head(record, trials),
            "failed": [{**spec.as_json(), "reason": reason} for spec, reason in failures],
            "settings": dict(record.settings),
            "events": [{"time": one.time, "kind": one.kind, "detail": dict(one.detail)} for one in events],
        }
        print(json.dumps(shown, indent=2))
        return
    print(f"study    {record.id}  {printable(record.name)}")
    print(f"begun    {_moment(record.created)} UTC")
    print(f"state    {record.state}")
    print(f"trials   {trials} finished, {len(failures)} failed")
    print("history  (UTC)" if events else "history  none is kept")
    for event in events:
        print(f"  {_moment(event.time)}  {event.kind:<10}{_detail(event)}".rstrip())


def _head(record: StudyRecord, trials: int) -> dict[str, object]:
    return {
        "id": record.id,
        "name": record.name,
        "state": record.state,
        "created": record.created,
        "trials": trials,
    }


def _detail(event: Event) -> str:
    """What an event says beside its kind; what is not set is left out."""
    told = []
    for name, value in event.detail.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        if value is not None:
            told.append(shown if name == event.kind else f"{name.replace('_', ' ')} {shown}")
    return printable(", ".join(told), 300)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
