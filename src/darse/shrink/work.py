"""An adapter on a bench to the cut that is taken: weighed on validation, trained on if need be, judged once on test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from darse.data.example import DataCheck
from darse.errors import TrialError
from darse.evaluate.losses import Floats, metric_losses, verdict_metric
from darse.evaluate.paired import mean_intervals
from darse.execute.bench import Bench
from darse.execute.evaluator import Evaluator
from darse.execute.finetune import Recover
from darse.execute.held_out import HeldOut, exported, quality_of, test_logits
from darse.execute.local import LocalExecutor, Watcher
from darse.execute.truncate import Truncate
from darse.execute.uncut import Uncut
from darse.model.audit import singular_values
from darse.model.peft_adapter import PeftAdapter
from darse.model.weights import AdapterWeights
from darse.ranks.plan import RankPlan
from darse.search.result import Quality
from darse.search.sensitivity import SiteLoss
from darse.search.verdict import Verdict
from darse.settings import SearchSettings
from darse.shrink.candidate import RECOVERED, UNCUT, WeighedCut, choose, weigh
from darse.shrink.judgement import judge_cut
from darse.shrink.layout import Layout
from darse.shrink.proposals import loss_table, proposals, single_cuts
from darse.shrink.result import Method
from darse.store.arrays import read_array
from darse.store.trial import EvaluatorName, Trial, TrialSpec
from darse.train.checkpoint import forgetting

RECOVERY_PART = 3
"""A training on from the cut has a third of a full run's epochs."""
RECOVERY_RATE = 1e-3
"""Peak learning rate of the short training after a cut: what was learned is to be mended, not learned again."""


@dataclass(frozen=True)
class ShrinkAudience:
    """Who is told how it goes.

    Attributes:
        check: Told the data check.
        stage: Told what is done next, and on how many plans.
        trials: Told of each trial; its `check` may stop the work.
    """

    check: Callable[[DataCheck], None] = lambda check: None
    stage: Callable[[str, int], None] = lambda stage, plans: None
    trials: Watcher = field(default_factory=Watcher)


@dataclass(frozen=True)
class FoundCut:
    """What came of an adapter; the attributes are those of `Shrunk`, which holds it for people."""

    chosen: WeighedCut
    method: Method
    weights: AdapterWeights
    verdict: Verdict
    quality: Quality
    uncut: Mapping[str, Mapping[str, float]]
    losses: tuple[SiteLoss, ...]
    candidates: tuple[WeighedCut, ...]
    seeds: int


@dataclass(frozen=True)
class ShrinkWork:
    """The work on one adapter.

    Attributes:
        bench: What trials stand on; its sites are the adapted modules.
        weights: The adapter's, as they are.
        adapter: Its pairs, for their energy.
        layout: Its modules and sites.
        budget: Most parameters; None means no bound.
        study: Id of the study that keeps the trials.
        audience: Whom to tell.
    """

    bench: Bench
    weights: AdapterWeights
    adapter: PeftAdapter
    layout: Layout
    budget: int | None
    study: str
    audience: ShrinkAudience

    def run(self) -> FoundCut:
        """Score, propose, choose, train on if need be, and judge.

        Raises:
            TrialError: The adapter itself has no score.
        """
        losses, increases = self._single_cuts()
        candidates = self._weighed(increases)
        uncut = candidates[0]
        chosen, needs_recovery = choose(list(filter(self._is_affordable, candidates)), self.settings.objective)
        runs: list[Trial] = []
        if needs_recovery:
            # the uncut adapter's stored ranks may be above what a weight can carry
            plan = RankPlan.of(map(min, chosen.plan, self.layout.whole))
            trained = self._train_on(plan)
            for recovered in self._weigh({plan: (RECOVERED,)}, [trained]) if trained else []:
                candidates.append(recovered)
                if recovered.loss < chosen.loss:
                    chosen, runs = recovered, trained
            if self.settings.objective == "smallest" and not chosen.holds and self._is_affordable(uncut):
                chosen, runs = uncut, []
        return self._judged(chosen, runs, losses, candidates)

    @property
    def settings(self) -> SearchSettings:
        """How to search."""
        return self.bench.settings.search

    @cached_property
    def executor(self) -> LocalExecutor:
        """Who runs trials."""
        evaluators: dict[EvaluatorName, Evaluator] = {
            "given": Uncut(self.bench, self.weights),
            "truncate": self.cutter,
            "recover": Recover(self.bench),
        }
        found = LocalExecutor(self.bench.store, evaluators, forgetting(self.bench.checkpoints), self.audience.trials)
        found.forget_ended(self.study)
        return found

    @cached_property
    def cutter(self) -> Truncate:
        """Who cuts."""
        return Truncate(self.bench)

    @cached_property
    def root(self) -> Trial:
        """The uncut adapter, scored on validation."""
        (trial,) = self._ask("scoring the uncut adapter", [TrialSpec(self.layout.whole, 0, 0.0, 0, "given")])
        if trial is None:
            raise TrialError(f"the adapter could not be scored: {self.bench.store.failures(self.study)[0].reason}")
        return trial

    def _ask(self, stage: str, specs: Sequence[TrialSpec]) -> list[Trial | None]:
        """The trials of some specs, None for one that failed; what the store has is not run again."""
        self.audience.stage(stage, len(specs))
        return list(self.executor.run(self.study, specs))

    def _cuts(self, stage: str, plans: Sequence[RankPlan]) -> list[Trial | None]:
        return self._ask(stage, [self._cut_spec(plan) for plan in plans])

    def _cut_spec(self, plan: RankPlan) -> TrialSpec:
        return TrialSpec(plan, 0, 0.0, 0, "truncate", (self.root.id,))

    def _losses(self, trial: Trial) -> Floats:
        return read_array(self.bench.store, trial.outcome.losses)

    def _is_affordable(self, one: WeighedCut) -> bool:
        return self.budget is None or one.cost <= self.budget

    def _single_cuts(self) -> tuple[tuple[SiteLoss, ...], dict[tuple[int, int], float]]:
        """What cutting each site alone adds to the validation loss, with intervals and without."""
        uncut, cuts = self._losses(self.root), single_cuts(self.layout)
        trials = dict(zip(cuts, self._cuts("cutting one site at a time", list(cuts.values())), strict=True))
        found = {place: self._losses(trial) - uncut for place, trial in trials.items() if trial is not None}
        intervals = mean_intervals(np.stack(list(found.values())), seed=self.settings.seed) if found else []
        losses = tuple(
            SiteLoss(*place, float(increase.mean()), *interval)
            for (place, increase), interval in zip(found.items(), intervals, strict=True)
        )
        return losses, {place: float(found[place].mean()) if place in found else np.inf for place in cuts}

    def _weighed(self, increases: Mapping[tuple[int, int], float]) -> list[WeighedCut]:
        """The uncut adapter, then every plan that was proposed and scored, largest first."""
        energies = [
            np.square(singular_values(self.adapter.pairs[module.weights[0].name])) for module in self.layout.modules
        ]
        found = proposals(self.layout, loss_table(self.layout, increases), energies, self.budget)
        plans = sorted(found, key=lambda plan: (-self.layout.cost(plan), plan))
        trials = zip(plans, self._cuts("cutting to plans of falling size", plans), strict=True)
        scored = {plan: trial for plan, trial in trials if trial is not None}
        origins = {plan: found[plan] for plan in scored}
        return [
            *self._weigh({RankPlan(self.layout.stored): (UNCUT,)}, [[self.root]]),
            *self._weigh(origins, [[trial] for trial in scored.values()]),
        ]

    def _weigh(self, origins: Mapping[RankPlan, tuple[str, ...]], runs: Sequence[Sequence[Trial]]) -> list[WeighedCut]:
        """Plans beside the uncut adapter, each by the mean over its runs."""
        return weigh(
            [(plan, self.layout.cost(plan), own) for plan, own in origins.items()],
            [np.mean([self._losses(trial) for trial in own], axis=0) for own in runs],
            self._losses(self.root),
            margin=self.settings.margin,
            seed=self.settings.seed,
        )

    def _train_on(self, plan: RankPlan) -> list[Trial]:
        """Short trainings from the cut to a plan, one for each seed."""
        epochs = max(1, self.bench.settings.train.epochs // RECOVERY_PART)
        first = TrialSpec(plan, 0, RECOVERY_RATE, epochs, "recover", (self.root.id,))
        specs = [replace(first, seed=seed) for seed in range(self.settings.seeds)]
        return [trial for trial in self._ask("training on from the cut", specs) if trial is not None]

    def _judged(
        self,
        chosen: WeighedCut,
        runs: Sequence[Trial],
        losses: tuple[SiteLoss, ...],
        candidates: Sequence[WeighedCut],
    ) -> FoundCut:
        """Compare with the uncut adapter on test; several runs are all judged, and the best on validation exported."""
        self.audience.stage("judging on test, once", 0)
        method: Method = UNCUT if UNCUT in chosen.origins else RECOVERED if runs else "cut"
        trials = runs or [self.root if method == UNCUT else self._trial_of(chosen.plan)]
        weights = [self._weights(trial) for trial in trials]
        logits = [self._test_logits(trial, own) for trial, own in zip(trials, weights, strict=True)]
        proof = HeldOut.of(self.bench, trials, logits)
        whole = self._test_logits(self.root, self.weights)
        task = self.bench.task
        verdict = judge_cut(
            proof.losses,
            metric_losses(whole, *self.bench.truth("test"), task),
            cost=chosen.cost,
            stored=(RankPlan(self.layout.stored), self.layout.stored_cost),
            metric=verdict_metric(task),
            margin=self.settings.margin,
            seed=self.settings.seed,
        )
        best = trials.index(exported(trials, ()))
        quality = quality_of(self.bench, trials[best], logits[best], proof)
        uncut = {"valid": self.root.outcome.metrics, "test": self.bench.metrics(whole, "test")}
        return FoundCut(chosen, method, weights[best], verdict, quality, uncut, losses, tuple(candidates), len(runs))

    def _trial_of(self, plan: RankPlan) -> Trial:
        (trial,) = self.executor.run(self.study, [self._cut_spec(plan)])
        assert trial is not None, "a plan that was chosen was scored"
        return trial

    def _weights(self, trial: Trial) -> AdapterWeights:
        if trial.spec.evaluator == "truncate":
            return self.cutter.weights([self.root], trial.spec.plan)
        return self.bench.trained_weights(trial)

    def _test_logits(self, trial: Trial, weights: AdapterWeights) -> Floats:
        return test_logits(self.bench, self.study, trial.id, lambda: weights, self.audience.trials.check)
