"""Options that several verbs have or that need a long text, each with its help; what is given to what settings take."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from darse.errors import SettingsError
from darse.names import without_secrets
from darse.settings import Evaluator, Objective, Options, Precision, Preset, Settings, Strategy

Option = typer.Option
_TRAIN, _SEARCH = Settings().train, Settings().search


def settings_given(context: typer.Context) -> dict[str, object]:
    """The options of a verb that are settings, as they were given; the others say where things go and what is said."""
    known = {*Options.__annotations__, "evaluator"}
    return {name: value for name, value in context.params.items() if name in known}


def command_given() -> str:
    """The command as it was given, without passwords: it stands in the report, which is shown around."""
    return shlex.join(["darse", *map(without_secrets, sys.argv[1:])])


def table_given(text: str | None) -> object:
    """The table of `--label-map`.

    Raises:
        SettingsError: It is not JSON.
    """
    if text is None:
        return None
    try:
        return json.loads(text, object_pairs_hook=_table_of)
    except (ValueError, RecursionError) as error:
        raise SettingsError([f'--label-map is not valid JSON ({error}); write \'{{"1": "positive"}}\'']) from error


def _table_of(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a label stands in it twice")
    return dict(pairs)


def _rates(rates: Sequence[float]) -> str:
    """Learning rates as people write them: `1e-3 and 2e-3`."""
    *most, last = (f"{rate:.0e}".replace("e-0", "e-") for rate in rates)
    return f"{', '.join(most)} and {last}"


# the columns of a labelled file, and how it is read
Text = Annotated[str | None, Option(help="Column of the text (guessed when obvious).")]
Label = Annotated[str | None, Option(help="Column of a class.")]
Score = Annotated[str | None, Option(help="Column of a numeric score.")]
Target = Annotated[str | None, Option(help="Column of the entity whose sentiment is meant.")]
Split = Annotated[str | None, Option(help="Column that says train, validation or test.")]
Group = Annotated[str | None, Option(help="Rows of one group never straddle splits.")]
Separator = Annotated[
    str | None, Option(help="Between the columns of a CSV or TSV, such as ';' or tab (found in a CSV's header).")
]
Encoding = Annotated[str | None, Option(help="Of a file of text: cp1252, utf-16, ... (utf-8).")]
LabelMap = Annotated[str | None, Option(help='Table from labels to classes, as JSON: \'{"1": "positive"}\'.')]

# how a search goes
SearchBudget = Annotated[
    str | None,
    Option(help="Most parameters (no limit): 500k, 1% of the base model, or uniform:8, what rank 8 everywhere costs."),
]
SearchObjective = Annotated[
    Objective | None,
    Option(help="smallest (default): cheapest plan that is not worse. best: best quality within the budget."),
]
SearchEvaluator = Annotated[
    Evaluator | None,
    Option(help="truncate (default): read off a few runs. finetune: train every plan."),
]
SearchStrategy = Annotated[Strategy | None, Option(help="Who proposes plans. auto (default): window and knapsack.")]
SearchPreset = Annotated[
    Preset | None, Option(help="none (default), or paper: the published method, every plan trained.")
]
MaxRank = Annotated[int | None, Option(help=f"Highest rank searched ({_SEARCH.max_rank}).")]
Seeds = Annotated[int | None, Option(help=f"Runs per finalist and control ({_SEARCH.seeds}).")]
RecoverySeeds = Annotated[
    int | None, Option(help=f"Short trainings, where a cut alone does not hold ({_SEARCH.seeds}).")
]
Seed = Annotated[int | None, Option(help=f"Seed of the study ({_SEARCH.seed}).")]
Margin = Annotated[float | None, Option(help=f"Part of the metric that is still not worse ({_SEARCH.margin}).")]
MaxTrials = Annotated[int | None, Option(help="Training runs at the most (no limit); one is always made.")]
MaxMinutes = Annotated[float | None, Option(help="Minutes at the most (no limit); one run is always made in full.")]

# how a run is trained
Epochs = Annotated[int | None, Option(help=f"Epochs of a run at the most ({_TRAIN.epochs}).")]
BatchSize = Annotated[int | None, Option(help=f"Rows per batch ({_TRAIN.batch_size}).")]
MaxLength = Annotated[int | None, Option(help=f"Tokens per text ({_TRAIN.max_length}).")]
ProductPrecision = Annotated[
    Precision | None,
    Option(help="Of products in training and cuts (auto: bfloat16 where the processor has it)."),
]
LearningRates = Annotated[
    list[float] | None,
    Option(
        "--learning-rate",
        metavar="<float>",
        help=f"Learning rate to try; may be given again ({_rates(_SEARCH.learning_rates)}).",
    ),
]

# where a study lies, and what is printed
StudyFolder = Annotated[Path, typer.Argument(help="Folder of a study.")]
StudyName = Annotated[
    str | None,
    Option(help="Id of the study, or the beginning of it; by default the one whose verdict lies in FOLDER."),
]
StoreAddress = Annotated[str | None, Option(help="Address of the store; the file in FOLDER by default.")]
BaseCode = Annotated[bool, Option("--trust-remote-code", help="Run code of the base model.")]
Json = Annotated[bool, Option("--json", help="Print JSON.")]
