"""Ten-fold cross-validation: one search on the training part of the first fold, then its plan trained in every fold."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compare.plans import trains
from benchmarks.compare.results import Record, packed
from benchmarks.compare.scale import GRID, Scale
from benchmarks.compare.sets import Set, all_rows, as_row, load, thinned
from benchmarks.compare.stand import Clock, Stand, common, test_losses
from benchmarks.compare.studies import run
from darse.data.example import Example, Task
from darse.data.load import load_labelled
from darse.ranks.plan import RankPlan, cost
from darse.settings import Options

BUDGET = "300k"
_SEARCH_SEEDS = 2
_SEED = 0


def search(data: Path, one: Set, scale: Scale, folder: Path) -> Record:
    """Find a plan and a learning rate on the training part of the first fold, cut to the scale.

    The search makes its own splits of those rows; the first fold's test rows are not among them.
    """
    task = load_labelled(data / one.file, one.columns, seed=0).task
    train, _ = _fold(all_rows(data, one), scale, 0)
    rows = [as_row(example, task, "") for example in thinned(train, scale.fold_search_rows)]
    stand = Stand(load(rows, task, has_split=False), scale, folder)
    options: Options = {**stand.options, "objective": "best", "budget": BUDGET, "seeds": _SEARCH_SEEDS}
    clock = Clock()
    study = run(stand, options)
    spent = clock.read()
    assert study.result.findings.verify is not None
    return {
        **common(stand),
        "plan": str(study.result.plan),
        "parameters": study.result.cost,
        "learning_rate": study.result.findings.verify.learning_rates[0],
        **spent,
    }


def fold(data: Path, one: Set, scale: Scale, folder: Path, *, place: int, found: Record) -> Record:
    """Train the plan on a fold's training part, a ninth of it as validation, and test on the fold; one seed."""
    task = load_labelled(data / one.file, one.columns, seed=0).task
    train, test = _fold(all_rows(data, one), scale, place)
    stand = Stand(
        load([*_parted(train, task), *(as_row(one, task, "test") for one in test)], task), scale, folder, GRID[0]
    )
    plan = RankPlan.of(map(int, str(found["plan"]).split()))
    rate = found["learning_rate"]
    assert isinstance(rate, float)
    clock = Clock()
    trained = trains(stand, plan)(rate, _SEED)
    spent = clock.read()
    return {
        **common(stand),
        "plan": str(plan),
        "parameters": cost(plan, stand.bench.sites),
        "learning_rate": rate,
        **spent,
        "valid": trained.score,
        "losses": packed(test_losses(stand.bench, trained.test())[None]),
    }


def _fold(examples: tuple[Example, ...], scale: Scale, place: int) -> tuple[list[Example], list[Example]]:
    """Train and test of a fold, stratified by class."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(n_splits=scale.folds, shuffle=True, random_state=_SEED)
    train, test = list(folds.split(examples, [example.label for example in examples]))[place]
    return [examples[row] for row in train], [examples[row] for row in test]


def _parted(examples: list[Example], task: Task) -> list[dict[str, object]]:
    from sklearn.model_selection import train_test_split

    train, valid = train_test_split(
        examples, test_size=1 / 9, random_state=_SEED, stratify=[example.label for example in examples]
    )
    return [*(as_row(one, task, "train") for one in train), *(as_row(one, task, "validation") for one in valid)]
