r"""How well cheap estimates rank 24 plans of mixed shape: Spearman correlation with the mean score of full runs.

    python -m benchmarks.proxy --data ../shared/data/fiqa_headlines/fiqa_headlines.csv --work proxy/fiqa \
        --columns score=score target=target
    python -m benchmarks.proxy --data ../shared/data/cr/cr.csv --work proxy/cr --columns label=label --rows 400

Every run is kept in the work folder, so a stopped measurement goes on where it was. Score: the search loss on
validation of the best epoch, lower is better. An estimate's price is in full runs, for all plans together.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.engine import some_rows
from benchmarks.tangent import Tangent
from darse.data.load import load_labelled
from darse.evaluate.losses import Floats
from darse.execute.bench import Bench
from darse.execute.evaluator import Evaluator, Feedback
from darse.execute.finetune import Finetune, Recover
from darse.execute.ground import find_ground
from darse.execute.truncate import Truncate
from darse.files import write_json
from darse.model.precision import resolved
from darse.ranks.plan import RankPlan
from darse.search.calibrate import Calibration, calibrate
from darse.search.history import History, Problem, Wanted
from darse.settings import settings_from_options
from darse.store.open import open_store
from darse.store.trial import Outcome, Trial, TrialSpec

PLANS = [
    *([rank] * 6 for rank in (1, 2, 4, 8)),
    *([12 * (place == layer) for place in range(6)] for layer in range(6)),
    [0, 0, 6, 6, 0, 0],
    [0, 0, 2, 2, 0, 0],
    [4, 4, 4, 0, 0, 0],
    [0, 3, 3, 3, 3, 0],
    [0, 0, 0, 4, 4, 4],
    [6, 0, 0, 0, 0, 6],
    [0, 0, 0, 1, 4, 1],
    [1, 0, 4, 0, 1, 0],
    [2, 4, 8, 4, 2, 0],
    [0, 2, 4, 8, 8, 2],
    [8, 4, 2, 1, 0, 0],
    [0, 0, 1, 2, 4, 8],
    [1, 1, 1, 4, 4, 4],
    [0, 1, 0, 1, 0, 1],
]
WHOLE = [16] * 6
SEEDS = (0, 1, 2)


class Runs:
    """Scores of runs, each measured once and kept."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        self.epochs = bench.settings.train.epochs
        self.evaluators: dict[str, Evaluator] = {
            "finetune": Finetune(bench),
            "truncate": Truncate(bench),
            "recover": Recover(bench),
        }
        self.gradients = Tangent(bench)
        self.seconds: dict[str, list[float]] = {}
        self.calibration = self._calibrated()

    def _calibrated(self) -> Calibration:
        """The learning rates that a search would find."""
        problem = Problem(self.bench.sites, self.bench.settings.search, self.epochs, None, "proxy")
        trials: dict[str, Trial] = {}
        while True:
            try:
                return calibrate(History(problem, trials))
            except Wanted as wanted:
                found = [self._trial("full", spec, ()) for spec in wanted.specs]
                trials |= {trial.id: trial for trial in found}

    def rate(self, plan: Sequence[int]) -> float:
        """The learning rate of a plan."""
        return self.calibration.rate(RankPlan.of(plan))

    def full(self, plan: Sequence[int], seed: int) -> Trial:
        """A full run."""
        return self.at(self.rate(plan), plan, seed)

    def at(self, rate: float, plan: Sequence[int], seed: int) -> Trial:
        """A full run at a learning rate."""
        return self._trial("full", TrialSpec(RankPlan.of(plan), seed, rate, self.epochs), ())

    def short(self, plan: Sequence[int], seed: int, epochs: int = 1) -> Trial:
        """A run of fewer epochs with a schedule of its own."""
        return self._trial(f"short {epochs}", TrialSpec(RankPlan.of(plan), seed, self.rate(plan), epochs), ())

    def cut(self, plan: Sequence[int], seed: int) -> Trial:
        """A full run of rank 16, cut."""
        parent = self.full(WHOLE, seed)
        return self._trial("cut", TrialSpec(RankPlan.of(plan), seed, 0.0, 0, "truncate", (parent.id,)), [parent])

    def cut_mean(self, plan: Sequence[int], seeds: Sequence[int]) -> Trial:
        """The mean of full runs of rank 16, cut."""
        parents = [self.full(WHOLE, seed) for seed in seeds]
        names = tuple(parent.id for parent in parents)
        return self._trial("cut mean", TrialSpec(RankPlan.of(plan), 0, 0.0, 0, "truncate", names), parents)

    def tangent(self, plan: Sequence[int]) -> Trial:
        """Regression on the frozen model's gradients."""
        spec = TrialSpec(RankPlan.of(plan), 0, 0.0, 0)
        return self._trial("tangent", spec, (), self.gradients)

    def recovered(self, plan: Sequence[int], seeds: Sequence[int], part: float = 1.0) -> Trial:
        """The same, trained on for an epoch at a part of the rate."""
        parents = [self.full(WHOLE, seed) for seed in seeds]
        names = tuple(parent.id for parent in parents)
        return self._trial(
            f"recover {len(seeds)}",
            TrialSpec(RankPlan.of(plan), 0, self.rate(plan) * part, 1, "recover", names),
            parents,
        )

    def _trial(self, kind: str, spec: TrialSpec, parents: Sequence[Trial], evaluator: Evaluator | None = None) -> Trial:
        name = spec.id("proxy")
        kept = self.folder / "trials" / f"{name}.json"
        if not kept.is_file():
            outcome = (evaluator or self.evaluators[spec.evaluator]).evaluate(name, spec, parents, Feedback())
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_json(
                kept,
                {
                    "score": outcome.score,
                    "metrics": dict(outcome.metrics),
                    "losses": outcome.losses,
                    "artifacts": dict(outcome.artifacts),
                    "seconds": outcome.seconds,
                },
            )
            print(f"{kind:8} [{spec.plan}] seed {spec.seed}: {outcome.score:.4f}, {outcome.seconds:.1f} s", flush=True)
        found = json.loads(kept.read_text(encoding="utf-8"))
        self.seconds.setdefault(kind, []).append(found["seconds"])
        outcome = Outcome(found["score"], found["metrics"], found["losses"], (), found["artifacts"], found["seconds"])
        return Trial(name, spec, outcome)


def cuts_of(runs: Runs, seed: int) -> list[float]:
    """Scores of the plans as cuts of one run."""
    return [runs.cut(plan, seed).outcome.score for plan in PLANS]


def others(truth: Mapping[int, Sequence[float]], seed: int) -> Sequence[float]:
    """Mean scores over the other seeds."""
    return [float(one) for one in np.mean([scores for other, scores in truth.items() if other != seed], axis=0)]


def claim(folder: Path, **made_of: object) -> None:
    """See that a work folder holds trials of these rows and epochs, and no others."""
    told, wanted = folder / "made-of.json", json.loads(json.dumps(made_of))
    if not told.is_file():
        write_json(told, wanted)
    elif json.loads(told.read_text(encoding="utf-8")) != wanted:
        raise SystemExit(f"{folder} holds trials of {told.read_text(encoding='utf-8')}; choose another --work")


def main() -> None:
    """Measure what is missing, then print one line per estimate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--columns", nargs="+", required=True, help="what=column, as in label=tone")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rows", type=int, help="training rows at the most")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    columns = dict(pair.split("=", 1) for pair in options.columns)
    claim(options.work, data=options.data.name, columns=columns, rows=options.rows, epochs=options.epochs)
    runs = Runs(build(options.data, columns, options.work, options.rows, options.epochs), options.work)
    truth = {seed: [runs.full(plan, seed).outcome.score for plan in PLANS] for seed in SEEDS}
    found = runs.calibration
    print(f"learning rate {found.learning_rate:g} at rank {found.rank}, exponent {found.rate_exponent:.2f}")
    mean = np.mean(list(truth.values()), axis=0)
    full = float(np.mean(runs.seconds["full"]))
    print(f"\n{options.data.name}: {len(PLANS)} plans, a full run of {options.epochs} epochs takes {full:.1f} s")
    slope = float(np.polyfit([runs.cut_mean(plan, SEEDS).outcome.score for plan in PLANS], mean, 1)[0])
    print(f"full runs have {slope:.2f} of the differences of cuts")
    print("estimate | price in full runs | Spearman with the mean of three full runs")
    for one, other in itertools.combinations(SEEDS, 2):
        print(f"full run, seed {one} against seed {other} | - | {correlation(truth[one], truth[other]):.2f}")
    for name, one_of in (("full run", truth.__getitem__), ("cut of a run", lambda seed: cuts_of(runs, seed))):
        # neither shares a seed with what it is held against
        found_for = [correlation(one_of(seed), others(truth, seed)) for seed in SEEDS]
        told = ", ".join(f"{one:.2f}" for one in found_for)
        print(f"{name} of one seed against the mean of the other two | - | {told}")
    for name, estimate in estimates(runs).items():
        runs.seconds.clear()
        scores = estimate()
        price = sum(map(sum, (spent for kind, spent in runs.seconds.items() if kind != "full"))) / full
        print(f"{name} | {price:.1f} | {correlation(scores, mean):.2f}", flush=True)


def build(data: Path, columns: Mapping[str, str], work: Path, rows: int | None, epochs: int) -> Bench:
    """The rows and the model, with a store in the work folder."""
    settings = resolved(settings_from_options({"model": "minilm", "epochs": epochs, **columns}))
    work.mkdir(parents=True, exist_ok=True)
    labelled = load_labelled(data, settings.data, seed=0)
    ground = find_ground(settings, labelled.task)
    bench = ground.bench(labelled, settings, open_store(work / "study.db"), work / "checkpoints")
    if rows is None:
        return bench
    return replace(bench, rows={**bench.rows, "train": some_rows(bench.rows["train"], rows)})


def estimates(runs: Runs) -> dict[str, Callable[[], list[float]]]:
    """Each estimate of all plans by name."""

    def mean(kind: Callable[[Sequence[int], int], Trial], seeds: Sequence[int]) -> list[float]:
        return [float(np.mean([kind(plan, seed).outcome.score for seed in seeds])) for plan in PLANS]

    def both(one: list[float], other: list[float]) -> list[float]:
        return [float(sum(pair)) for pair in zip(standard(one), standard(other), strict=True)]

    def cut_mean(seeds: Sequence[int]) -> list[float]:
        return [runs.cut_mean(plan, seeds).outcome.score for plan in PLANS]

    def recovered(seeds: Sequence[int], part: float = 1.0) -> list[float]:
        return [runs.recovered(plan, seeds, part).outcome.score for plan in PLANS]

    def tangent() -> list[float]:
        return [runs.tangent(plan).outcome.score for plan in PLANS]

    return {
        "regression on gradients": tangent,
        "regression on gradients and cut of the mean of three": lambda: both(tangent(), cut_mean(SEEDS)),
        "cut of one run": lambda: mean(runs.cut, [0]),
        "cuts of two runs, their mean score": lambda: mean(runs.cut, [0, 1]),
        "cuts of three runs, their mean score": lambda: mean(runs.cut, SEEDS),
        "cut of the mean of two runs": lambda: cut_mean([0, 1]),
        "cut of the mean of three runs": lambda: cut_mean(SEEDS),
        "short run and regression on gradients": lambda: both(tangent(), mean(runs.short, [0])),
        "short run, one seed": lambda: mean(runs.short, [0]),
        "short run, two seeds": lambda: mean(runs.short, [0, 1]),
        "short run and cut of one run": lambda: both(mean(runs.cut, [0]), mean(runs.short, [0])),
        "short run and cuts of two runs": lambda: both(mean(runs.cut, [0, 1]), mean(runs.short, [0])),
        "short run and cut of the mean of two": lambda: both(cut_mean([0, 1]), mean(runs.short, [0])),
        "short run and cut of the mean of three": lambda: both(cut_mean(SEEDS), mean(runs.short, [0])),
        "two epochs, one seed": lambda: mean(lambda plan, seed: runs.short(plan, seed, 2), [0]),
        "cut of one run, an epoch of recovery": lambda: recovered([0]),
        "cut of the mean of three, an epoch of recovery": lambda: recovered(SEEDS),
        "the same at half the rate": lambda: recovered(SEEDS, 0.5),
        "that recovery and cut of the mean": lambda: both(cut_mean(SEEDS), recovered(SEEDS)),
        "short run smoothed over all plans": lambda: smoothed(mean(runs.short, [0])),
        "short run and cut of the mean of three, smoothed": lambda: smoothed(
            both(cut_mean(SEEDS), mean(runs.short, [0]))
        ),
    }


def standard(scores: Sequence[float]) -> Floats:
    """Scores with mean 0 and standard deviation 1."""
    found = np.asarray(scores, dtype=np.float64)
    standardised: Floats = (found - found.mean()) / found.std()
    return standardised


def smoothed(scores: Sequence[float]) -> list[float]:
    """Every plan's score drawn towards those of like plans: a Gaussian process over ranks smoothed in depth.

    Two plans are alike where the square roots of their ranks are, after smoothing over neighbouring layers; the noise
    and the length of the kernel are those of the largest marginal likelihood on a small grid.
    """
    ranks = np.sqrt(np.asarray(PLANS, dtype=np.float64))
    layers = np.arange(ranks.shape[1])
    near = np.exp(-0.5 * (layers[:, None] - layers[None, :]) ** 2)
    features = ranks @ (near / near.sum(axis=1, keepdims=True))
    distance = ((features[:, None] - features[None, :]) ** 2).sum(-1)
    values = standard(scores)
    best, kept = -np.inf, values
    for length, noise in itertools.product((0.5, 1.0, 2.0, 4.0), (0.05, 0.1, 0.2, 0.4, 0.8)):
        kernel = np.exp(-distance / (2 * length**2))
        full = (1 - noise) * kernel + noise * np.eye(len(values))
        solved = np.linalg.solve(full, values)
        likelihood = -0.5 * values @ solved - 0.5 * np.linalg.slogdet(full)[1]
        if likelihood > best:
            best, kept = float(likelihood), (1 - noise) * kernel @ solved
    return [float(value) for value in kept]


def correlation(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Spearman's."""
    return float(spearmanr(ours, theirs).statistic)


if __name__ == "__main__":
    main()
