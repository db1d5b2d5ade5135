"""The verb about what scored texts say, `insights`: its options to what the room below takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from darse.cli import options
from darse.cli.options import Option
from darse.settings import as_option, settings_from_options


def insights(
    file: Annotated[Path, typer.Argument(help="Scored or labelled CSV, TSV, JSONL or Parquet file, or `demo`.")],
    by: Annotated[str | None, Option(help="Column of the groups: product, region, ... (guessed when obvious).")] = None,
    time: Annotated[str | None, Option(help="Column of ISO dates or moments (guessed when obvious).")] = None,
    text: options.Text = None,
    label: options.Label = None,
    score: options.Score = None,
    lang: Annotated[str | None, Option(help="Column of the language (guessed when obvious).")] = None,
    negative: Annotated[
        list[str] | None, Option("--negative", help="Class that is negative; may be given again.")
    ] = None,
    positive: Annotated[
        list[str] | None, Option("--positive", help="Class that is positive; may be given again.")
    ] = None,
    scale: Annotated[str | None, Option(help="Ends of the score: 1:5 (guessed).")] = None,
    period: Annotated[
        Literal["auto", "day", "week", "month", "quarter"], Option(help="How long a period is.")
    ] = "auto",
    min_rows: Annotated[int | None, Option(min=10, help="Dated rows that a judgement of a group needs (30).")] = None,
    seed: Annotated[int, Option(help="Of draws and shuffles.")] = 0,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    out: Annotated[Path | None, Option("-o", "--out", help="Where the page goes (FILE-insights.html).")] = None,
    as_json: options.Json = False,
) -> None:
    """Show what got worse lately, where, and which rows show it."""
    from darse.cli.insights import InsightsRequest, run_insights

    named: dict[str, object] = {"text": text, "label": label, "score": score}
    reading: dict[str, object] = {"separator": separator, "encoding": encoding}
    run_insights(
        InsightsRequest(
            file=file,
            data=settings_from_options({**named, **reading}, called=as_option).data,
            by=by,
            time=time,
            lang=lang,
            negative=tuple(negative or ()),
            positive=tuple(positive or ()),
            scale=scale,
            period=None if period == "auto" else period,
            few=min_rows,
            seed=seed,
            out=out,
            as_json=as_json,
        )
    )
