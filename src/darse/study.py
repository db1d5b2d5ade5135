"""The whole story: a labelled source to a finished study with its plan, verdict, report and adapter."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from darse.data.check import data_check_as_json, with_token_counts
from darse.data.example import DataCheck, LabelledData, Task
from darse.data.load import load_labelled
from darse.data.source import Source
from darse.errors import Interrupted
from darse.evaluate.losses import Floats, verdict_metric
from darse.evaluate.metrics import class_report
from darse.execute.bench import Bench
from darse.execute.evaluator import Evaluator
from darse.execute.finetune import Finetune, Recover
from darse.execute.held_out import HeldOut, held_out
from darse.execute.local import LocalExecutor, Watcher
from darse.execute.truncate import Truncate
from darse.execute.user import UserEvaluator, UserFunction
from darse.files import make_folder, write_json
from darse.model.base import Base, body_parameters, find_base
from darse.model.folder import files_digest
from darse.model.weights import head_names
from darse.ranks.budget import parse_budget
from darse.ranks.plan import RankPlan, Site, cost
from darse.ranks.sites import find_sites, find_weights
from darse.search.controls import Control
from darse.search.driver import Limits, Listener, read_array, search
from darse.search.history import History, Problem
from darse.search.open_study import Identity, Opened, open_study
from darse.search.result import Origin, Quality, Result
from darse.search.stages import Findings
from darse.search.verdict import Contender, Verdict, judge
from darse.settings import Settings
from darse.store.open import open_store
from darse.store.protocol import Store
from darse.store.sql import SqlStore
from darse.store.trial import EvaluatorName, Trial, TrialSpec
from darse.train.checkpoint import CheckpointFile

RESULT = "result"
_PACKAGES = ("torch", "transformers", "peft", "numpy", "scipy", "scikit-learn", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Audience:
    """Who is told how a study goes.

    Attributes:
        check: Told the data check before anything is trained.
        opened: Told whether the study is continued, and what changed.
        search: Told of stages and wanted trials.
        trials: Told of each trial; its `check` may stop the study.
    """

    check: Callable[[DataCheck], None] = lambda check: None
    opened: Callable[[Opened], None] = lambda opened: None
    search: Listener = field(default_factory=Listener)
    trials: Watcher = field(default_factory=Watcher)


@dataclass(frozen=True)
class Request:
    """What somebody wants to know.

    Attributes:
        source: The labelled source; None only with a user's own evaluator.
        settings: Of the study.
        out: Folder of the study.
        store: Address of the store; None means `study.db` in the folder.
        fresh: Start anew even if the study is there.
        command: What reproduces the request.
        evaluator: A user's own function, instead of training here.
    """

    source: Source | None
    settings: Settings
    out: Path
    store: str | None = None
    fresh: bool = False
    command: str = ""
    evaluator: UserFunction | None = None


@dataclass(frozen=True)
class Finished:
    """A finished study with what is needed to export its adapter.

    Attributes:
        result: All that was found.
        bench: What its trials stood on; None for a user's own evaluator.
    """

    result: Result
    bench: Bench | None


def run_study(request: Request, audience: Audience) -> Finished:
    """Run a study to its end, or continue one that was stopped.

    Raises:
        InputError: The source, the model or a setting is wrong.
        StoreError: The store cannot be used.
        TrialError: No training run succeeded.
        Interrupted: The user asked to stop; the same request continues.
    """
    started = time.time()
    base = find_base(request.settings.model, trust_remote_code=request.settings.trust_remote_code)
    data = None
    if request.source is not None:
        data = load_labelled(request.source, request.settings.data, seed=request.settings.search.seed)
    make_folder(request.out)
    with open_study_store(request.out, request.store) as store:
        if request.evaluator is not None:
            return _ask_user(request, request.evaluator, base, store, audience, started)
        assert data is not None, "without an evaluator there is a source"
        bench = Bench.build(base, data, request.settings, store, request.out / "checkpoints")
        check = _counted(bench, data)
        write_json(request.out / "data-check.json", data_check_as_json(check))
        audience.check(check)
        evaluators: dict[EvaluatorName, Evaluator] = {
            "finetune": Finetune(bench),
            "truncate": Truncate(bench),
            "recover": Recover(bench),
        }
        body = body_parameters(bench.model)
        setting = _Setting(request, base, store, audience, started, bench.sites, body, data.digest)
        opened, findings, history = setting.search(evaluators, bench.checkpoints)
        assert findings.verify is not None
        epochs = request.settings.train.epochs
        proofs = held_out(
            bench, opened.record.id, findings.verify, list(history.trials.values()), epochs, audience.trials.check
        )
        metric = verdict_metric(bench.task)
        verdict = setting.verdict(findings, {plan: one.by_seed for plan, one in proofs.items()}, metric, "test")
        quality = _quality(bench, proofs[findings.verify.plan])
        head = sum(
            parameter.numel()
            for part in head_names(bench.model)
            for parameter in bench.model.get_submodule(part).parameters()
        )
        result = setting.result(
            opened, findings, history, verdict, task=bench.task, check=check, quality=quality, head=head
        )
        return Finished(result, bench)


def open_study_store(folder: Path, address: str | None) -> SqlStore:
    """The store of a study's folder, or the one at an address; artifacts lie beside a file that folders share."""
    if address is None:
        return open_store(folder / "study.db", artifacts=folder / "artifacts")
    is_file = "://" not in address or address.startswith("sqlite:")
    return open_store(address, artifacts=None if is_file else folder / "artifacts")


def read_result(store: Store, study: str | None = None) -> Result | None:
    """The result of a finished study, the last finished one by default; None if there is none."""
    for record in reversed(store.studies()):
        finding = store.findings(record.id).get(RESULT)
        if finding is not None and (study is None or record.id.startswith(study) or record.name == study):
            return Result.from_json(store.artifact(str(finding["artifact"])))
    return None


@dataclass(frozen=True)
class _Setting:
    """What the parts of a run share."""

    request: Request
    base: Base
    store: Store
    audience: Audience
    started: float
    sites: tuple[Site, ...]
    base_parameters: int
    data_digest: str

    def search(
        self, evaluators: Mapping[EvaluatorName, Evaluator], checkpoints: Path
    ) -> tuple[Opened, Findings, History]:
        """Open the study and run its stages."""
        settings, function = self.request.settings, self.request.evaluator
        name = "darse" if function is None else _name_of(function)
        versions = ", ".join(f"{package} {_version(package)}" for package in ("torch", "transformers", "darse"))
        identity = Identity(self.data_digest, files_digest(self.base.folder), name, versions, settings)
        opened = open_study(
            self.store, identity, name=self.request.out.name, fresh=self.request.fresh, now=self.started
        )
        self.audience.opened(opened)
        self.store.set_study_state(opened.record.id, "running")
        budget = settings.search.budget and parse_budget(settings.search.budget, self.sites, self.base_parameters)
        problem = Problem(self.sites, settings.search, settings.train.epochs, budget or None, opened.record.context)
        executor = LocalExecutor(
            self.store,
            evaluators,
            forget=lambda trial: CheckpointFile(checkpoints / f"{trial}.safetensors").remove(),
            watcher=self.audience.trials,
        )
        minutes = settings.search.max_minutes
        limits = Limits(settings.search.max_trials, None if minutes is None else 60 * minutes)
        listener = replace(self.audience.search, stage=lambda findings: self._keep(opened.record.id, findings))
        try:
            findings, history = search(
                problem, opened.record.id, self.store, executor, limits=limits, listener=listener
            )
        except (Interrupted, KeyboardInterrupt):
            self.store.set_study_state(opened.record.id, "stopped")
            raise
        return opened, findings, history

    def verdict(
        self, findings: Findings, losses: Mapping[RankPlan, Mapping[int, Floats]], metric: str, split: str
    ) -> Verdict:
        """Judge the plan against the controls that were trained."""
        verified = findings.verify
        assert verified is not None
        own, contenders = _paired(verified.plan, verified.controls, losses)
        search_settings = self.request.settings.search
        return judge(
            verified.plan,
            own,
            contenders,
            sites=self.sites,
            metric=metric,
            split=split,
            margin=search_settings.margin,
            seed=search_settings.seed,
        )

    def result(
        self,
        opened: Opened,
        findings: Findings,
        history: History,
        verdict: Verdict,
        *,
        task: Task,
        check: DataCheck | None,
        quality: Quality | None,
        head: int,
    ) -> Result:
        """Put everything together and keep it."""
        assert findings.verify is not None
        study = opened.record.id
        trials = tuple(self.store.trials(study))
        result = Result(
            study=study,
            name=opened.record.name,
            origin=Origin(
                command=self.request.command,
                source=check.source if check else "",
                data_digest=self.data_digest,
                base_name=self.base.name,
                base_digest=self.base.digest,
                base_parameters=self.base_parameters,
                head_parameters=head,
                versions={name: _version(name) for name in ("darse", *_PACKAGES)},
                started=opened.record.created,
            ),
            settings=self.request.settings,
            task=task,
            check=check,
            sites=self.sites,
            findings=findings,
            plan=findings.verify.plan,
            cost=cost(findings.verify.plan, self.sites),
            verdict=verdict,
            quality=quality,
            trials=trials,
            failures=tuple((str(spec.plan), reason) for spec, reason in self.store.failures(study)),
            seconds=sum(trial.outcome.seconds for trial in trials),
            is_limited=history.is_closed,
        )
        self.store.put_finding(study, RESULT, {"artifact": self.store.put_artifact(result.to_json())})
        self.store.set_study_state(study, "finished")
        return result

    def _keep(self, study: str, findings: Findings) -> None:
        for stage, finding in findings.as_json().items():
            self.store.put_finding(study, stage, finding)
        self.audience.search.stage(findings)


def _name_of(function: UserFunction) -> str:
    """What tells one own evaluator from another; an object that can be called goes by its class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _paired(
    plan: RankPlan, controls: Sequence[Control], losses: Mapping[RankPlan, Mapping[int, Floats]]
) -> tuple[Floats, list[Contender]]:
    """Losses of the plan and of the controls that were trained, on the seeds that every side has."""
    seeds = set(losses[plan])
    rivals: list[Control] = []
    for control in controls:
        # a run may have failed on one side
        if shared := seeds & losses.get(control.plan, {}).keys():
            seeds = shared
            rivals.append(control)
    stacked = {
        one: np.stack([losses[one][seed] for seed in sorted(seeds)]) for one in (plan, *(r.plan for r in rivals))
    }
    return stacked[plan], [Contender(control, stacked[control.plan]) for control in rivals]


def _ask_user(
    request: Request, function: UserFunction, base: Base, store: Store, audience: Audience, started: float
) -> Finished:
    model = base.classifier(Task(has_score=True))
    sites = find_sites(find_weights(model), request.settings.search.granularity)
    setting = _Setting(request, base, store, audience, started, sites, body_parameters(model), "")
    user = UserEvaluator(function, sites, store)
    opened, findings, history = setting.search({"finetune": user}, request.out / "checkpoints")
    verified = findings.verify
    assert verified is not None
    losses: dict[RankPlan, Mapping[int, Floats]] = {}
    for plan in (verified.plan, *(control.plan for control in verified.controls)):
        finished = _finished(history, plan, verified.seeds, verified.learning_rate, request.settings.train.epochs)
        if finished:
            losses[plan] = {trial.spec.seed: read_array(store, trial.outcome.losses) for trial in finished}
    verdict = setting.verdict(findings, losses, "loss", "valid")
    task = Task()
    return Finished(
        setting.result(opened, findings, history, verdict, task=task, check=None, quality=None, head=0), None
    )


def _finished(history: History, plan: RankPlan, seeds: Sequence[int], learning_rate: float, epochs: int) -> list[Trial]:
    specs = [TrialSpec(plan, seed, learning_rate, epochs) for seed in seeds]
    by_spec = {trial.spec: trial for trial in history.trials.values()}
    return [by_spec[spec] for spec in specs if spec in by_spec]


def _counted(bench: Bench, data: LabelledData) -> DataCheck:
    lengths = np.concatenate([rows.full_lengths for rows in bench.rows.values()])
    limit = min(bench.settings.train.max_length, bench.base.tokenizer.model_max_length)
    return with_token_counts(data.check, lengths.tolist(), limit)


def _quality(bench: Bench, proof: HeldOut) -> Quality:
    """The run of the best validation score is the one that is exported."""
    place = int(np.argmin([trial.outcome.score for trial in proof.trials]))
    chosen = proof.trials[place]
    tables = [bench.metrics(logits, "test") for logits in proof.logits]
    labels = bench.truth("test")[0]
    return Quality(
        trial=chosen.id,
        seed=chosen.spec.seed,
        valid=chosen.outcome.metrics,
        test=tables[place],
        test_mean={name: float(np.mean([table[name] for table in tables])) for name in tables[0]},
        classes=class_report(proof.logits[place], labels, bench.task) if bench.task.classes else None,
    )


def _version(package: str) -> str:
    return importlib.metadata.version(package)
