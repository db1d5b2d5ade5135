"""The verbs about an adapter that is there: their options to what the rooms below take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from darse.cli import options
from darse.cli.options import Option
from darse.cli.streams import Format
from darse.errors import InputError
from darse.settings import as_option, settings_from_options

ServedAs = Literal["prod", "canary", "shadow"]


def score(
    adapter: Annotated[Path, typer.Argument(help="Adapter folder that explore wrote.")],
    file: Annotated[Path | None, typer.Argument(help="File to score, or - for standard input.")] = None,
    text: Annotated[str | None, Option(help="A text to score, or the column of the text in FILE.")] = None,
    target: Annotated[str | None, Option(help="The text's target, or the column of the target in FILE.")] = None,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    kind: Annotated[Format | None, Option("--format", help="Of standard input (lines: one text a line).")] = None,
    out: Annotated[
        Path | None, Option("-o", "--out", help="Where the scored file goes, - for standard output.")
    ] = None,
    base: Annotated[str | None, Option(help="Base model, if it is not where the adapter says.")] = None,
    keep_formulas: Annotated[
        bool, Option("--keep-formulas", help="Do not put ' before a text that a spreadsheet would run (CSV, TSV).")
    ] = False,
    trust_remote_code: options.BaseCode = False,
    as_json: options.Json = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress.")] = False,
) -> None:
    """Score a text or a whole file with an adapter."""
    from darse.cli.score import ScoreRequest, run_score

    reading: dict[str, object] = {"separator": separator, "encoding": encoding}
    columns = {} if file is None else {"text": text, "target": target}
    run_score(
        ScoreRequest(
            adapter=adapter,
            wanted=settings_from_options({**reading, **columns}, called=as_option).data,
            file=file,
            text=text if file is None else None,
            target=target if file is None else None,
            out=out,
            kind=kind,
            base=base,
            trust_remote_code=trust_remote_code,
            keep_formulas=keep_formulas,
            as_json=as_json,
            quiet=quiet,
        )
    )


def serve(
    folder: Annotated[Path, typer.Argument(help="Adapter folder that darse wrote, or a folder of such.")],
    host: Annotated[str | None, Option(help="Address to listen on (127.0.0.1); others need DARSE_TOKEN.")] = None,
    port: Annotated[int | None, Option(help="Port to listen on (8000); 0 takes a free one.")] = None,
    allow_host: Annotated[
        list[str] | None, Option("--allow-host", help="Name to be called by, besides localhost; may be given again.")
    ] = None,
    prod: Annotated[str | None, Option(help="Adapter in FOLDER that answers (the one before a restart).")] = None,
    canary: Annotated[str | None, Option(help="Adapter in FOLDER to try, with --percent or --shadow.")] = None,
    percent: Annotated[float | None, Option(min=0, max=100, help="Of the texts that the canary answers.")] = None,
    shadow: Annotated[bool, Option("--shadow", help="Compare the canary with prod; nobody sees its answers.")] = False,
    max_texts: Annotated[int | None, Option(help="Texts of a request at the most (64).")] = None,
    max_characters: Annotated[int | None, Option(help="Characters of a text at the most (10,000).")] = None,
    max_waiting: Annotated[
        int | None, Option(help="Texts that wait at the most (512); more are told to come back.")
    ] = None,
    deadline_s: Annotated[
        float | None, Option("--deadline", help="Seconds that a request waits at the most (10).")
    ] = None,
    store: Annotated[
        str | None, Option(help="Store that keeps what is answered (darse-traffic.db); a path or an address.")
    ] = None,
    no_log: Annotated[bool, Option("--no-log", help="Keep nothing of what is answered.")] = False,
    keep_text: Annotated[bool, Option("--keep-text", help="Keep the texts too, not their digests alone.")] = False,
    rules: Annotated[Path | None, Option(help="Alert rules (YAML) to look by (docs/monitor.md).")] = None,
    keep_days: Annotated[float | None, Option(help="Days that it is kept (30).")] = None,
    base: Annotated[str | None, Option(help="Base model, if it is not where the adapter says.")] = None,
    trust_remote_code: options.BaseCode = False,
) -> None:
    """Score texts over HTTP until stopped; tokens come from DARSE_TOKEN and DARSE_ADMIN_TOKEN."""
    from darse.cli.serve import DEFAULT_STORE, ServeRequest, run_serve

    given: dict[str, object] = {
        "host": host,
        "port": port,
        "allowed_hosts": tuple(allow_host) if allow_host else None,
        "max_texts": max_texts,
        "max_characters": max_characters,
        "max_waiting": max_waiting,
        "deadline_s": deadline_s,
        "keep_texts": keep_text or None,
        "keep_days": keep_days,
    }
    run_serve(
        ServeRequest(
            folder=folder,
            options=given,
            prod=prod,
            canary=canary,
            percent=percent,
            is_shadow=shadow,
            base=base,
            trust_remote_code=trust_remote_code,
            store=store or DEFAULT_STORE,
            is_logged=not no_log,
            rules=rules,
        )
    )


def watch(
    store: Annotated[str, typer.Argument(help="Store that a server keeps its answers in.")] = "darse-traffic.db",
    window: Annotated[str, Option(help="Length of a window: 90m, 1h, 2d.")] = "1h",
    windows: Annotated[int, Option(help="How many, up to now.")] = 24,
    adapter: Annotated[
        Path | None, Option(help="Folder of the adapter whose held-out rows are usual (the one that answered).")
    ] = None,
    served_as: Annotated[ServedAs, Option(help="Whose answers.")] = "prod",
    rules: Annotated[Path | None, Option(help="Alert rules (YAML): look by them, and tell whom they name.")] = None,
    follow: Annotated[bool, Option("--follow", help="Look again and again, until stopped.")] = False,
    mute: Annotated[str | None, Option(help="Rule that is to be silent, with --for.")] = None,
    mute_for: Annotated[str | None, Option("--for", help="How long: 90m, 1h, 2d.")] = None,
    test_fire: Annotated[str | None, Option(help="Rule to fire as a test: everybody is told.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show what a server answered, window by window, and what has drifted; or look by alert rules."""
    if rules is None:
        if follow or mute or mute_for or test_fire:
            raise InputError("--follow, --mute and --test-fire go by rules; name them with --rules")
        from darse.cli.watch import WatchRequest, run_watch

        run_watch(WatchRequest(store, adapter, window, windows, served_as, as_json=as_json))
        return
    from darse.cli.alerts import AlertsRequest, run_alerts

    run_alerts(AlertsRequest(store, rules, follow, mute, mute_for, test_fire, as_json=as_json))


def audit(
    adapter: Annotated[str, typer.Argument(help="Folder or hub name of any PEFT LoRA adapter.")],
    out: Annotated[Path | None, Option("-o", "--out", help="Write the page with the charts, too.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show rank, norms and energy of every module of an adapter."""
    from darse.cli.audit import run_audit

    run_audit(adapter, out=out, as_json=as_json)
