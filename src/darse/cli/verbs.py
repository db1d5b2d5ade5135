"""The verbs and their options; each hands over to the room that does the work."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from darse import __version__
from darse.cli.streams import Format
from darse.names import without_secrets
from darse.settings import (
    Evaluator,
    Objective,
    Precision,
    Preset,
    Profile,
    Settings,
    Strategy,
    as_option,
    settings_from_options,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Find which layer of a language model deserves which LoRA rank for your sentiment data.\n\n"
    "Begin with:  darse explore reviews.csv     (or: darse explore demo)\n\n"
    "With --debug, any command shows the place in the code where an error came from.",
)

Option = typer.Option
_TRAIN, _SEARCH = Settings().train, Settings().search
_STUDY = "Id of the study, or the beginning of it; by default the one whose verdict lies in FOLDER."
_STORE = "Address of the store; the file in FOLDER by default."

_Text = Annotated[str | None, Option(help="Column of the text (guessed when obvious).")]
_Label = Annotated[str | None, Option(help="Column of a class.")]
_Score = Annotated[str | None, Option(help="Column of a numeric score.")]
_Target = Annotated[str | None, Option(help="Column of the entity whose sentiment is meant.")]
_Split = Annotated[str | None, Option(help="Column that says train, validation or test.")]
_Group = Annotated[str | None, Option(help="Rows of one group never straddle splits.")]
_Separator = Annotated[
    str | None, Option(help="Between the columns of a CSV or TSV, such as ';' or tab (found in a CSV's header).")
]
_Encoding = Annotated[str | None, Option(help="Of a file of text: cp1252, utf-16, ... (utf-8).")]
_Json = Annotated[bool, Option("--json", help="Print JSON.")]


def _examples(*commands: str) -> str:
    """The end of a verb's help: one command a line, not wrapped."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])


def _rates(rates: Sequence[float]) -> str:
    """Learning rates as people write them: `1e-3 and 2e-3`."""
    *most, last = (f"{rate:.0e}".replace("e-0", "e-") for rate in rates)
    return f"{', '.join(most)} and {last}"


def _version(value: bool) -> None:
    if value:
        print(f"darse {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before any verb."""


@app.command(
    epilog=_examples(
        "darse explore demo --max-minutes 4",
        "darse explore reviews.csv --dry-run",
        "darse explore reviews.csv --text review --label sentiment",
        "darse explore headlines.csv --score score --target company",
        "darse explore reviews.csv --objective best --budget uniform:8",
    )
)
def explore(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="CSV, TSV, JSONL or Parquet file, hub data set name, or `demo`.")],
    text: _Text = None,
    score: _Score = None,
    label: _Label = None,
    target: _Target = None,
    split: _Split = None,
    group: _Group = None,
    separator: _Separator = None,
    encoding: _Encoding = None,
    label_map: Annotated[
        str | None, Option(help='Table from labels to classes, as JSON: \'{"1": "positive"}\'.')
    ] = None,
    model: Annotated[str | None, Option(help="Base model: minilm (bundled, default), a folder, or a hub name.")] = None,
    budget: Annotated[
        str | None,
        Option(help="Most parameters: 500k, 1% of the base model, or uniform:8 (what the best uniform plan costs)."),
    ] = None,
    objective: Annotated[
        Objective | None,
        Option(help="smallest (default): cheapest plan that is not worse. best: best quality within the budget."),
    ] = None,
    granularity: Annotated[str | None, Option(help="Where a rank is set: layer (default), module or group:4.")] = None,
    evaluator: Annotated[
        Evaluator | None,
        Option(help="truncate (default): read off a few runs. finetune: train every plan."),
    ] = None,
    strategy: Annotated[
        Strategy | None,
        Option(help="Who proposes plans. auto (default): window and knapsack."),
    ] = None,
    preset: Annotated[
        Preset | None,
        Option(help="none (default), or paper: the published method, every plan trained."),
    ] = None,
    max_rank: Annotated[int | None, Option(help=f"Highest rank searched ({_SEARCH.max_rank}).")] = None,
    seeds: Annotated[int | None, Option(help=f"Runs per finalist and control ({_SEARCH.seeds}).")] = None,
    seed: Annotated[int | None, Option(help=f"Seed of the study ({_SEARCH.seed}).")] = None,
    epochs: Annotated[int | None, Option(help=f"Epochs of a run at the most ({_TRAIN.epochs}).")] = None,
    batch_size: Annotated[int | None, Option(help=f"Rows per batch ({_TRAIN.batch_size}).")] = None,
    max_length: Annotated[int | None, Option(help=f"Tokens per text ({_TRAIN.max_length}).")] = None,
    precision: Annotated[
        Precision | None,
        Option(help="Of products in training and cuts (auto: bfloat16 where the processor has it)."),
    ] = None,
    learning_rates: Annotated[
        list[float] | None,
        Option(
            "--learning-rate",
            metavar="<float>",
            help=f"Learning rate to try; may be given again ({_rates(_SEARCH.learning_rates)}).",
        ),
    ] = None,
    margin: Annotated[
        float | None, Option(help=f"Part of the metric that is still not worse ({_SEARCH.margin}).")
    ] = None,
    max_trials: Annotated[int | None, Option(help="Training runs at the most (no limit); one is always made.")] = None,
    max_minutes: Annotated[
        float | None, Option(help="Minutes at the most (no limit); one run is always made in full.")
    ] = None,
    store: Annotated[str | None, Option(help="Address of the store (study.db in the folder).")] = None,
    out: Annotated[Path | None, Option(help="Folder of the study (darse-FILE, such as darse-reviews).")] = None,
    fresh: Annotated[bool, Option("--fresh", help="Start anew; an earlier study stays in the store.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show data, sites, time and memory; train and write nothing.")
    ] = False,
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code that comes with MODEL.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON object a line.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print the result alone.")] = False,
) -> None:
    """Search rank plans on a labelled file; write verdict and adapter."""
    from darse.cli.explore import run_explore

    around = {"file", "out", "store", "fresh", "dry_run", "as_json", "quiet"}
    options = {name: value for name, value in context.params.items() if name not in around}
    # an option that can be given again is an empty list in the context where it is not given
    options |= {"label_map": _table(label_map), "learning_rates": learning_rates}
    # the command stands in the report, which is shown around
    command = shlex.join(["darse", *map(without_secrets, sys.argv[1:])])
    run_explore(
        file,
        options,
        out=out,
        store=store,
        fresh=fresh,
        dry_run=dry_run,
        command=command,
        as_json=as_json,
        quiet=quiet,
    )


@app.command(
    epilog=_examples(
        "darse score darse-reviews/adapter --text 'Not bad at all'",
        "darse score darse-reviews/adapter new.csv -o scored.csv",
        "darse score darse-reviews/adapter - < texts.txt",
    )
)
def score(
    adapter: Annotated[Path, typer.Argument(help="Adapter folder that explore wrote.")],
    file: Annotated[Path | None, typer.Argument(help="File to score, or - for standard input.")] = None,
    text: Annotated[str | None, Option(help="A text to score, or the column of the text in FILE.")] = None,
    target: Annotated[str | None, Option(help="The text's target, or the column of the target in FILE.")] = None,
    separator: _Separator = None,
    encoding: _Encoding = None,
    kind: Annotated[Format | None, Option("--format", help="Of standard input (lines: one text a line).")] = None,
    out: Annotated[
        Path | None, Option("-o", "--out", help="Where the scored file goes, - for standard output.")
    ] = None,
    base: Annotated[str | None, Option(help="Base model, if it is not where the adapter says.")] = None,
    keep_formulas: Annotated[
        bool, Option("--keep-formulas", help="Do not put ' before a text that a spreadsheet would run (CSV, TSV).")
    ] = False,
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code of the base model.")] = False,
    as_json: _Json = False,
    quiet: Annotated[bool, Option("--quiet", help="No progress.")] = False,
) -> None:
    """Score a text or a whole file with an adapter."""
    from darse.cli.score import ScoreRequest, run_score

    columns = {"text": text, "target": target, "separator": separator, "encoding": encoding}
    wanted = settings_from_options(columns, called=as_option).data
    run_score(
        ScoreRequest(
            adapter,
            file,
            out,
            wanted,
            kind,
            base,
            trust_remote_code=trust_remote_code,
            keep_formulas=keep_formulas,
            as_json=as_json,
            quiet=quiet,
        )
    )


@app.command(epilog=_examples("darse audit my-adapter", "darse audit owner/adapter --out audit.html"))
def audit(
    adapter: Annotated[str, typer.Argument(help="Folder or hub name of any PEFT LoRA adapter.")],
    out: Annotated[Path | None, Option("-o", "--out", help="Write the page with the charts, too.")] = None,
    as_json: _Json = False,
) -> None:
    """Show rank, norms and energy of every module of an adapter."""
    from darse.cli.audit import run_audit

    run_audit(adapter, out=out, as_json=as_json)


@app.command(
    epilog=_examples(
        "darse shrink my-adapter --data valid.csv",
        "darse shrink my-adapter --data valid.csv --labels negative,neutral,positive",
        "darse shrink my-adapter --data valid.csv --budget 50k --granularity layer",
    )
)
def shrink(
    context: typer.Context,
    adapter: Annotated[str, typer.Argument(help="Folder or hub name of a PEFT LoRA adapter of a classifier.")],
    data: Annotated[str, Option(help="Labelled file that the adapter was not trained on, as explore takes it.")],
    text: _Text = None,
    label: _Label = None,
    score: _Score = None,
    target: _Target = None,
    split: _Split = None,
    group: _Group = None,
    separator: _Separator = None,
    encoding: _Encoding = None,
    labels: Annotated[
        str | None, Option(help="Classes in the order of the adapter's head, if no config names them: a,b,c.")
    ] = None,
    model: Annotated[str | None, Option(help="Base model, if it is not where the adapter says.")] = None,
    budget: Annotated[
        str | None, Option(help="Most parameters: 500k, 1% of the base model, or uniform:8 (none by default).")
    ] = None,
    objective: Annotated[
        Objective,
        Option(help="smallest: smallest cut that is not worse. best: best quality within the budget."),
    ] = "smallest",
    granularity: Annotated[str, Option(help="Where a rank is set: module, layer or group:4.")] = "module",
    seeds: Annotated[
        int | None, Option(help=f"Short trainings, where a cut alone does not hold ({_SEARCH.seeds}).")
    ] = None,
    margin: Annotated[
        float | None, Option(help=f"Part of the metric that is still not worse ({_SEARCH.margin}).")
    ] = None,
    max_length: Annotated[int | None, Option(help=f"Tokens per text ({_TRAIN.max_length}).")] = None,
    out: Annotated[Path | None, Option("-o", "--out", help="Folder of the result (darse-shrunk-NAME).")] = None,
    profile: Annotated[Profile, Option(help="Kind of export.")] = "native",
    fresh: Annotated[bool, Option("--fresh", help="Start anew, and replace another adapter's result in OUT.")] = False,
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code of the base model.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, Option("--quiet", help="Print the result alone.")] = False,
) -> None:
    """Cut somebody's adapter to the smallest that is not worse."""
    from darse.cli.shrink import run_shrink

    around = {"adapter", "data", "labels", "model", "out", "profile", "fresh", "as_json", "quiet"}
    options = {name: value for name, value in context.params.items() if name not in around}
    command = shlex.join(["darse", *map(without_secrets, sys.argv[1:])])
    run_shrink(
        adapter,
        data,
        options,
        model=model,
        labels=labels,
        out=out,
        profile=profile,
        fresh=fresh,
        command=command,
        as_json=as_json,
        quiet=quiet,
    )


@app.command(epilog=_examples("darse report darse-reviews -o for-the-board.html", "darse report darse-reviews --json"))
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")],
    study: Annotated[str | None, Option(help=_STUDY)] = None,
    store: Annotated[str | None, Option(help=_STORE)] = None,
    out: Annotated[Path | None, Option("-o", "--out", help="Where the page goes.")] = None,
    as_json: Annotated[bool, Option("--json", help="Print the verdict as JSON instead.")] = False,
) -> None:
    """Write a finished study's report again, or print its verdict."""
    from darse.cli.studies import run_report

    run_report(folder, study=study, store=store, out=out, as_json=as_json)


@app.command(
    epilog=_examples(
        "darse export darse-reviews --profile merged -o model",
        "darse export darse-reviews --plan best-uniform",
        "darse export darse-reviews --as lora-config",
    )
)
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")],
    out: Annotated[Path | None, Option("-o", "--out", help="Folder of the export.")] = None,
    profile: Annotated[Profile, Option(help="Kind of export (native).")] = "native",
    as_: Annotated[
        Literal["adapter", "lora-config", "lora-config-json"], Option("--as", help="What to export (adapter).")
    ] = "adapter",
    plan: Annotated[
        str | None,
        Option(
            help="A control instead of the found plan, if the study has it: best-uniform, best-layer-wise, "
            "uniform-of-equal-cost, shuffled, head-alone."
        ),
    ] = None,
    study: Annotated[str | None, Option(help=_STUDY)] = None,
    store: Annotated[str | None, Option(help=_STORE)] = None,
    base: Annotated[str | None, Option(help="Base model, if it is not where it was.")] = None,
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code of the base model.")] = False,
) -> None:
    """Export an adapter of a study, or a plan as a LoraConfig."""
    from darse.cli.studies import run_export

    run_export(
        folder,
        out=out,
        profile=profile,
        as_=as_,
        plan=plan,
        study=study,
        store=store,
        base=base,
        trust_remote_code=trust_remote_code,
    )


@app.command(epilog=_examples("darse sites minilm", "darse sites roberta-large --granularity module"))
def sites(
    model: Annotated[str, typer.Argument(help="minilm, a folder, or a hub name.")] = "minilm",
    granularity: Annotated[str, Option(help="layer (default), module or group:4.")] = "layer",
    trust_remote_code: Annotated[bool, Option("--trust-remote-code", help="Run code of the model.")] = False,
    as_json: _Json = False,
) -> None:
    """List a model's layers, and what a rank costs in each."""
    from darse.cli.sites import run_sites

    run_sites(model, granularity, trust_remote_code=trust_remote_code, as_json=as_json)


@app.command(epilog=_examples("darse studies darse-reviews", "darse studies darse-reviews --study 1a07296f"))
def studies(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, or of several such folders.")] = Path(),
    study: Annotated[str | None, Option(help="Id, beginning of an id or name of a study: show its history.")] = None,
    store: Annotated[str | None, Option(help=_STORE)] = None,
    as_json: _Json = False,
) -> None:
    """List the studies of a store, or show the history of one."""
    from darse.cli.studies import run_studies

    run_studies(folder, study=study, store=store, as_json=as_json)


@app.command(epilog=_examples("darse doctor", "darse doctor --model models/roberta-base"))
def doctor(
    model: Annotated[str, Option(help="Base model to check.")] = "minilm",
    store: Annotated[str | None, Option(help="Address of a store to check.")] = None,
    as_json: _Json = False,
) -> None:
    """Check machine, packages, model and store, and say what to mend."""
    from darse.cli.doctor import run_doctor

    run_doctor(model, store=store, as_json=as_json)


def _table(text: str | None) -> object:
    from darse.errors import SettingsError

    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingsError([f'--label-map is not valid JSON ({error}); write \'{{"1": "positive"}}\'']) from error
