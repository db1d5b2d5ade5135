"""The verbs that test adapters, `eval`, `compare`, `baseline`, `gate` and `backtest`: options to what rooms take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from darse.cli import options
from darse.cli.options import Option
from darse.settings import DataSettings, as_option, settings_from_options

Rows = Literal["auto", "all", "train", "valid", "test"]
Adapters = Annotated[
    list[str] | None, typer.Argument(help="Folders of adapters or of studies, each FOLDER or NAME=FOLDER.")
]
RowsOption = Annotated[
    Rows, Option("--rows", help="Rows of a file with official splits: auto takes the test rows, if there are any.")
]
Slices = Annotated[
    list[str] | None,
    Option("--slice", help="length, label, negation or a column; may be given again."),
]
StoreOption = Annotated[
    str | None, Option("--store", help="Store that keeps what is evaluated (darse-traffic.db); a path or an address.")
]
BaseModel = Annotated[str | None, Option(help="Base model, if it is not where the adapters say.")]
Quiet = Annotated[bool, Option("--quiet", help="No progress.")]


def eval_(
    adapters: Adapters = None,
    data: Annotated[list[str] | None, Option("--data", help="Labelled file, or demo; may be given again.")] = None,
    matrix: Annotated[Path | None, Option(help="YAML file of adapters and data, instead of both.")] = None,
    metric: Annotated[
        list[str] | None, Option("--metric", help="accuracy, macro_f1, ece, mse, mae, ...; may be given again.")
    ] = None,
    slices: Slices = None,
    rows: RowsOption = "auto",
    train: Annotated[Path | None, Option(help="Training rows of the reference points (those of the study).")] = None,
    study: Annotated[Path | None, Option(help="Folder of the study that they come from (the adapter's own).")] = None,
    no_references: Annotated[bool, Option("--no-references", help="Adapters alone.")] = False,
    text: options.Text = None,
    label: options.Label = None,
    score: options.Score = None,
    target: options.Target = None,
    split: options.Split = None,
    label_map: options.LabelMap = None,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    store: StoreOption = None,
    base: BaseModel = None,
    trust_remote_code: options.BaseCode = False,
    as_json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Evaluate adapters on labelled files, beside reference points."""
    from darse.cli.eval import EvalRequest, run_eval
    from darse.cli.serve import DEFAULT_STORE

    run_eval(
        EvalRequest(
            adapters=tuple(adapters or ()),
            data=tuple(data or ()),
            settings=_read_as(text, label, score, target, split, label_map, separator, encoding),
            rows=rows,
            matrix=matrix,
            metrics=tuple(metric or ()),
            slices=tuple(slices or ()),
            train=train,
            study=study,
            references=not no_references,
            store=store or DEFAULT_STORE,
            base=base,
            trust_remote_code=trust_remote_code,
            as_json=as_json,
            quiet=quiet,
        )
    )


def compare(
    adapters: Annotated[
        list[str], typer.Argument(help="Folders of adapters or of studies, each FOLDER or NAME=FOLDER; at least two.")
    ],
    data: Annotated[str, Option("--data", help="Labelled file, or demo.")],
    metric: Annotated[
        Literal["accuracy", "mse", "mae"] | None, Option(help="What pairs are compared by (accuracy, else mse).")
    ] = None,
    slices: Slices = None,
    rows: RowsOption = "auto",
    no_references: Annotated[bool, Option("--no-references", help="Adapters alone.")] = False,
    text: options.Text = None,
    label: options.Label = None,
    score: options.Score = None,
    target: options.Target = None,
    split: options.Split = None,
    label_map: options.LabelMap = None,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    out: Annotated[Path | None, Option("-o", "--out", help="Write every example that flipped, too.")] = None,
    store: StoreOption = None,
    base: BaseModel = None,
    trust_remote_code: options.BaseCode = False,
    as_json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare adapters on the same rows, and show which examples flipped."""
    from darse.cli.compare import CompareRequest, run_compare
    from darse.cli.serve import DEFAULT_STORE

    run_compare(
        CompareRequest(
            adapters=tuple(adapters),
            data=data,
            settings=_read_as(text, label, score, target, split, label_map, separator, encoding),
            rows=rows,
            metric=metric,
            slices=tuple(slices or ()),
            references=not no_references,
            out=out,
            store=store or DEFAULT_STORE,
            base=base,
            trust_remote_code=trust_remote_code,
            as_json=as_json,
            quiet=quiet,
        )
    )


def baseline(
    action: Annotated[
        Literal["list", "set", "history"], typer.Argument(help="list every name, set one, or show its history.")
    ] = "list",
    name: Annotated[str | None, typer.Argument(help="The name: prod, ...")] = None,
    adapter: Annotated[Path | None, typer.Argument(help="Folder of an adapter or of a study, to set.")] = None,
    note: Annotated[str, Option(help="What to write beside the name.")] = "",
    store: StoreOption = None,
    as_json: options.Json = False,
) -> None:
    """Give an adapter a name that gates go by; every name keeps its history."""
    from darse.cli.baseline import BaselineRequest, run_baseline
    from darse.cli.serve import DEFAULT_STORE

    run_baseline(BaselineRequest(action, name, adapter, note, store or DEFAULT_STORE, as_json))


def gate(
    baseline: Annotated[str, Option("--baseline", help="Name of a baseline, or an adapter's folder.")],
    candidate: Annotated[str, Option("--candidate", help="Folder of an adapter or of a study, FOLDER or NAME=FOLDER.")],
    data: Annotated[str, Option("--data", help="Labelled file that neither was trained on.")],
    policy: Annotated[
        Path | None, Option("--policy", help="YAML file of what is asked (docs/gate.md); by default not worse.")
    ] = None,
    rows: RowsOption = "auto",
    text: options.Text = None,
    label: options.Label = None,
    score: options.Score = None,
    target: options.Target = None,
    split: options.Split = None,
    label_map: options.LabelMap = None,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    junit: Annotated[Path | None, Option("--junit", help="Write JUnit XML, too.")] = None,
    store: StoreOption = None,
    base: BaseModel = None,
    trust_remote_code: options.BaseCode = False,
    as_json: options.Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a candidate pass only if it is not worse than a baseline: exit 0 or 1."""
    from darse.cli.gate import GateRequest, run_gate
    from darse.cli.serve import DEFAULT_STORE

    run_gate(
        GateRequest(
            baseline=baseline,
            candidate=candidate,
            data=data,
            policy=policy,
            settings=_read_as(text, label, score, target, split, label_map, separator, encoding),
            rows=rows,
            junit=junit,
            store=store or DEFAULT_STORE,
            base=base,
            trust_remote_code=trust_remote_code,
            as_json=as_json,
            quiet=quiet,
        )
    )


def backtest(
    candidate: Annotated[str, typer.Argument(help="Folder of an adapter or of a study, FOLDER or NAME=FOLDER.")],
    last: Annotated[int, Option("--last", help="Texts that were served last, each once, at the most.")] = 1000,
    out: Annotated[Path | None, Option("-o", "--out", help="Write every text that flipped, too.")] = None,
    store: Annotated[
        str | None, Option("--store", help="Store that a server keeps its answers in (darse-traffic.db).")
    ] = None,
    base: BaseModel = None,
    trust_remote_code: options.BaseCode = False,
    as_json: options.Json = False,
) -> None:
    """Ask a candidate what was served lately, and show what it answers otherwise."""
    from darse.cli.backtest import BacktestRequest, run_backtest
    from darse.cli.serve import DEFAULT_STORE

    run_backtest(
        BacktestRequest(
            candidate=candidate,
            last=last,
            out=out,
            store=store or DEFAULT_STORE,
            base=base,
            trust_remote_code=trust_remote_code,
            as_json=as_json,
        )
    )


def _read_as(
    text: str | None,
    label: str | None,
    score: str | None,
    target: str | None,
    split: str | None,
    label_map: str | None,
    separator: str | None,
    encoding: str | None,
) -> DataSettings:
    """How a labelled file is read."""
    given: dict[str, object] = {
        "text": text,
        "label": label,
        "score": score,
        "target": target,
        "split": split,
        "label_map": options.table_given(label_map),
        "separator": separator,
        "encoding": encoding,
    }
    return settings_from_options(given, called=as_option).data
