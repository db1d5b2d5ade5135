"""Every verb with its examples, in the order of the help, to the one command that `darse` is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from darse import __version__
from darse.cli.verbs.adapter import audit, score, serve, watch
from darse.cli.verbs.analysis import changes, dump, history, layers, mirror
from darse.cli.verbs.insight import insights
from darse.cli.verbs.machine import doctor, sites
from darse.cli.verbs.pages import ui
from darse.cli.verbs.search import explore, shrink
from darse.cli.verbs.study import export, report, studies
from darse.cli.verbs.testing import backtest, baseline, compare, eval_, gate

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Find which layer of a language model deserves which LoRA rank for your sentiment data.\n\n"
    "Begin with:  darse explore reviews.csv     (or: darse explore demo)\n\n"
    "With --debug, any command shows the place in the code where an error came from.",
)
_VERBS: dict[Callable[..., None], tuple[str, ...]] = {
    explore: (
        "darse explore demo --max-minutes 4",
        "darse explore reviews.csv --dry-run",
        "darse explore reviews.csv --text review --label sentiment",
        "darse explore headlines.csv --score score --target company",
        "darse explore reviews.csv --objective best --budget uniform:8",
    ),
    score: (
        "darse score darse-reviews/adapter --text 'Not bad at all'",
        "darse score darse-reviews/adapter new.csv -o scored.csv",
        "darse score darse-reviews/adapter - < texts.txt",
    ),
    serve: (
        "darse serve darse-reviews/adapter",
        "DARSE_TOKEN=$(cat token) darse serve models --host 0.0.0.0 --prod reviews-v2",
        "darse serve models --canary reviews-v3 --percent 10",
    ),
    watch: (
        "darse watch",
        "darse watch darse-traffic.db --window 1d --windows 30",
        "darse watch --rules alerts.yaml --follow",
    ),
    insights: (
        "darse insights demo --by product_line",
        "darse insights scored.parquet --by product_line --time date",
        "darse insights reviews.csv --negative bad --positive good -o reviews.html",
    ),
    audit: ("darse audit my-adapter", "darse audit owner/adapter --out audit.html"),
    shrink: (
        "darse shrink my-adapter --data valid.csv",
        "darse shrink my-adapter --data valid.csv --dry-run",
        "darse shrink my-adapter --data valid.csv --labels negative,neutral,positive",
        "darse shrink my-adapter --data valid.csv --budget 50k --granularity layer",
    ),
    eval_: (
        "darse eval darse-reviews --data test.csv",
        "darse eval old=models/v1 new=darse-reviews/adapter --data test.csv --slice label --slice negation",
        "darse eval --matrix matrix.yaml --json",
    ),
    compare: (
        "darse compare models/v1 darse-reviews --data test.csv",
        "darse compare old=models/v1 new=models/v2 --data test.csv --slice product -o flips.csv",
    ),
    baseline: (
        "darse baseline set prod darse-reviews --note 'first release'",
        "darse baseline",
        "darse baseline history prod",
    ),
    gate: (
        "darse gate --baseline prod --candidate darse-reviews --data test.csv",
        "darse gate --baseline models/v1 --candidate models/v2 --data test.csv --policy gate.yaml --junit gate.xml",
    ),
    backtest: ("darse backtest darse-reviews --last 500", "darse backtest models/v2 --store traffic.db -o flips.csv"),
    report: ("darse report darse-reviews -o for-the-board.html", "darse report darse-reviews --json"),
    export: (
        "darse export darse-reviews --profile merged -o model",
        "darse export darse-reviews --profile onnx -o fast",
        "darse export darse-reviews --plan best-uniform",
        "darse export darse-reviews --as lora-config",
    ),
    layers: ("darse layers darse-reviews", "darse layers darse-reviews -o layers.html"),
    history: ("darse history", "darse history studies -o history.html"),
    changes: ("darse changes darse-reviews darse-reviews-v2", "darse changes 1a07296f 9bcd10e2 --store study.db"),
    dump: ("darse dump darse-reviews -o tables", "darse dump --format jsonl"),
    mirror: (
        "darse mirror darse-reviews --to optuna",
        "darse mirror darse-reviews --to mlflow --address http://localhost:5000",
    ),
    sites: ("darse sites minilm", "darse sites roberta-large --granularity module"),
    studies: ("darse studies darse-reviews", "darse studies darse-reviews --study 1a07296f"),
    ui: ("darse ui", "darse ui darse-reviews darse-traffic.db --open", "darse ui studies --rules alerts.yaml"),
    doctor: ("darse doctor", "darse doctor --model models/roberta-base"),
}


def _version(value: bool) -> None:
    if value:
        print(f"darse {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before any verb."""


for _verb, _commands in _VERBS.items():
    # \b keeps one command a line
    app.command(
        _verb.__name__.rstrip("_"), epilog="\n".join(["\b", "Examples:", *(f"  {command}" for command in _commands)])
    )(_verb)
