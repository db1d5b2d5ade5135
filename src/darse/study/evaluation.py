"""A study's trials to what the found plan and its controls show: by training here, or by a user's own function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from darse.data.example import DataCheck, Task
from darse.evaluate.losses import Floats, verdict_metric
from darse.execute.bench import Bench
from darse.execute.evaluator import Evaluator
from darse.execute.finetune import Finetune, Recover
from darse.execute.held_out import exported_quality, held_out
from darse.execute.truncate import Truncate
from darse.execute.user import UserEvaluator, UserFunction
from darse.ranks.plan import RankPlan, Site
from darse.search.driver import Searched
from darse.search.result import Quality
from darse.store.arrays import read_array
from darse.store.protocol import Store
from darse.store.trial import EvaluatorName, Trial


@dataclass(frozen=True)
class Shown:
    """What the runs of the found plan and of its controls have shown.

    Attributes:
        losses: Of each run, shape (rows,), by plan and by the number of its seed.
        metric: What they are losses of.
        split: Whose rows they are of.
        quality: Of the adapter to export; None where there is none.
    """

    losses: Mapping[RankPlan, Mapping[int, Floats]]
    metric: str
    split: str
    quality: Quality | None


@dataclass(frozen=True)
class Trained:
    """Trials are trained here, and judged on the test split.

    Attributes:
        bench: What they stand on.
        check: What was found in the data.
        stop: Called often; raises to stop.
    """

    bench: Bench
    check: DataCheck
    stop: Callable[[], None]

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.bench.task

    @property
    def head_parameters(self) -> int:
        """Parameters of the head, which every plan trains."""
        return self.bench.head_parameters

    def evaluators(self, study: str) -> Mapping[EvaluatorName, Evaluator]:
        """Who scores a trial, by the name in its spec."""
        return {"finetune": Finetune(self.bench), "truncate": Truncate(self.bench), "recover": Recover(self.bench)}

    def shown(self, study: str, searched: Searched) -> Shown:
        """Evaluate every run on test, once and for good, and choose the adapter to export."""
        verified, record = searched.findings.verify, searched.record
        assert verified is not None
        epochs, trials = self.bench.settings.train.epochs, record.trials.values()
        proofs = held_out(self.bench, study, verified, trials, epochs, self.stop)
        variants = [one for spec in verified.variants if isinstance(one := record.ended(spec), Trial)]
        quality = exported_quality(self.bench, study, proofs[verified.plan], variants, self.stop)
        losses = {plan: proof.by_seed for plan, proof in proofs.items()}
        return Shown(losses, verdict_metric(self.task), "test", quality)


@dataclass(frozen=True)
class Asked:
    """A user's function is asked, and its losses on its own examples are what is judged.

    Attributes:
        function: The function.
        sites: Where ranks are set.
        store: Keeps the losses.
        epochs: Of a full run, as the trials' specs have it.
    """

    function: UserFunction
    sites: tuple[Site, ...]
    store: Store
    epochs: int

    # nothing is trained here, and what the examples are only the function knows
    bench: ClassVar[None] = None
    check: ClassVar[None] = None
    task: ClassVar[Task] = Task()
    head_parameters: ClassVar[int] = 0

    def evaluators(self, study: str) -> Mapping[EvaluatorName, Evaluator]:
        """Who scores a trial, by the name in its spec."""
        return {"finetune": UserEvaluator(self.function, self.sites, self.store, study)}

    def shown(self, study: str, searched: Searched) -> Shown:
        """The losses that the function has given."""
        verified = searched.findings.verify
        assert verified is not None
        runs = verified.runs(searched.record.trials.values(), self.epochs)
        losses = {
            plan: {trial.spec.seed: read_array(self.store, trial.outcome.losses) for trial in trials}
            for plan, trials in runs.items()
        }
        return Shown(losses, "loss", "valid", None)


Evaluation = Trained | Asked
