"""The whole story: a labelled source to a finished study with its plan, verdict, report and adapter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from darse.data.check import data_check_as_json
from darse.data.example import DataCheck, LabelledData, Task
from darse.data.load import load_labelled
from darse.data.source import Source
from darse.evaluate.losses import Floats, verdict_metric
from darse.execute.bench import Bench
from darse.execute.evaluator import Evaluator
from darse.execute.finetune import Finetune, Recover
from darse.execute.ground import Ground, find_ground
from darse.execute.held_out import exported_quality, held_out
from darse.execute.local import LocalExecutor, Watcher
from darse.execute.truncate import Truncate
from darse.execute.user import UserEvaluator, UserFunction, identity_of
from darse.execute.worker import worker_name
from darse.files import make_folder, write_json
from darse.model.base import Base
from darse.model.folder import files_digest
from darse.model.precision import resolved
from darse.model.weights import AdapterWeights
from darse.packages import shaping_versions
from darse.ranks.plan import RankPlan, cost
from darse.search.driver import Listener, Searched, search
from darse.search.history import Problem, is_run
from darse.search.identity import Identity, Opened, begin_or_continue
from darse.search.kept_result import put_result, readable_result
from darse.search.limits import Limits, limit_name
from darse.search.record import Part
from darse.search.result import Origin, Quality, Result
from darse.search.stages import Findings
from darse.search.verdict import Verdict, judge, paired_runs
from darse.settings import Settings
from darse.store.arrays import read_array
from darse.store.folder import DATA_CHECK_FILE
from darse.store.journal import Journal
from darse.store.open import open_study_store
from darse.store.owner import refuse_folder_of_other
from darse.store.protocol import Store
from darse.store.sql import SqlStore
from darse.store.trial import EvaluatorName, Trial, TrialSpec, total_seconds
from darse.train.checkpoint import forgetting


@dataclass(frozen=True)
class Audience:
    """Who is told how a study goes.

    Attributes:
        check: Told the data check before anything is trained.
        opened: Told whether the study is continued, and what changed.
        ready: Told what trials stand on, before the first training run that is still to be made; an own evaluator
            trains none here.
        search: Told of stages and wanted trials.
        trials: Told of each trial; its `check` may stop the study.
    """

    check: Callable[[DataCheck], None] = lambda check: None
    opened: Callable[[Opened], None] = lambda opened: None
    ready: Callable[[Bench], None] = lambda bench: None
    search: Listener = field(default_factory=Listener)
    trials: Watcher = field(default_factory=Watcher)


@dataclass(frozen=True)
class Request:
    """What somebody wants to know.

    Attributes:
        source: The labelled source, or what has been read of it; None only with a user's own evaluator.
        settings: Of the study.
        out: Folder of the study.
        store: Address of the store; None means `study.db` in the folder.
        fresh: Start anew even if the study is there.
        command: What reproduces the request.
        evaluator: A user's own function, instead of training here.
    """

    source: Source | LabelledData | None
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
        bench: What its trials stood on; None for a user's own evaluator. Its store is closed.
        weights: Of the adapter that is exported; None for a user's own evaluator.
    """

    result: Result
    bench: Bench | None
    weights: AdapterWeights | None


def run_study(request: Request, audience: Audience) -> Finished:
    """Run a study to its end, or continue one that was stopped; one that has ended is read back.

    A study that a limit has ended goes on where the limits have been raised (`Result.can_grow`).

    Raises:
        InputError: The source, the model or a setting is wrong.
        StoreError: The store cannot be used.
        TrialError: No training run succeeded.
        Interrupted: The user asked to stop; the same request continues.
    """
    started = time.time()
    refuse_folder_of_other(request.out, "study")
    request = replace(request, settings=resolved(request.settings))
    if request.evaluator is not None:
        return _ask_user(request, request.evaluator, audience, started)
    assert request.source is not None, "without an evaluator there is a source"
    data = request.source
    if not isinstance(data, LabelledData):
        data = load_labelled(data, request.settings.data, seed=request.settings.search.seed)
    ground = find_ground(request.settings, data.task)
    with _opened_store(request) as store:
        bench = ground.bench(data, request.settings, store, request.out / "checkpoints")
        check = bench.counted(data.check)
        write_json(request.out / DATA_CHECK_FILE, data_check_as_json(check))
        audience.check(check)
        evaluators: dict[EvaluatorName, Evaluator] = {
            "finetune": Finetune(bench),
            "truncate": Truncate(bench),
            "recover": Recover(bench),
        }
        opened = _open(request, ground.base, store, data.digest, started)
        run = _Run(request, ground, store, audience, opened, data.digest)
        if (kept := run.kept_result(bench.checkpoints)) is not None:
            return Finished(kept, bench, bench.trained_weights(kept.exported_trial))
        with run.journal:
            searched = run.search(evaluators, bench.checkpoints, ready=partial(audience.ready, bench))
            findings, record = searched.findings, searched.record
            assert findings.verify is not None
            epochs, trials = request.settings.train.epochs, record.trials.values()
            check_stop = audience.trials.check
            proofs = held_out(bench, opened.record.id, findings.verify, trials, epochs, check_stop)
            losses = {plan: one.by_seed for plan, one in proofs.items()}
            verdict = run.verdict(searched, losses, verdict_metric(bench.task), "test")
            variants = [one for spec in findings.verify.variants if isinstance(one := record.ended(spec), Trial)]
            quality = exported_quality(bench, opened.record.id, proofs[findings.verify.plan], variants, check_stop)
            head = bench.head_parameters
            result = run.result(searched, verdict, task=bench.task, check=check, quality=quality, head=head)
            return Finished(result, bench, bench.trained_weights(result.exported_trial))


@contextmanager
def _opened_store(request: Request) -> Iterator[SqlStore]:
    """The store of a request; its folder is made when nothing that is asked for can be refused any more."""
    if request.store is None:
        make_folder(request.out)
    with open_study_store(request.out, request.store) as store:
        make_folder(request.out)
        yield store


def _open(request: Request, base: Base, store: Store, data_digest: str, started: float) -> Opened:
    """Continue the study of a request, or start it."""
    name = "darse" if request.evaluator is None else identity_of(request.evaluator)
    identity = Identity(data_digest, files_digest(base.folder), name, shaping_versions(), request.settings)
    return begin_or_continue(store, identity, name=request.out.name, fresh=request.fresh, now=started)


@dataclass(frozen=True)
class _Run:
    """One process's work on an open study."""

    request: Request
    ground: Ground
    store: Store
    audience: Audience
    opened: Opened
    data_digest: str

    @property
    def study(self) -> str:
        """Id of the study."""
        return self.opened.record.id

    @property
    def journal(self) -> Journal:
        """Where it is written down how the study goes."""
        return Journal(self.store, self.study)

    def kept_result(self, checkpoints: Path) -> Result | None:
        """The result that the study has already, if no search within the limits could add to it."""
        result = readable_result(self.store, self.study)
        if result is None or result.can_grow(self.request.settings.search):
            return None
        if self.opened.record.state != "finished":  # a search within higher limits was begun and stopped
            for stage, finding in result.findings.as_json().items():
                self.store.put_finding(self.study, stage, finding)
            self._finish(result)
        forget = forgetting(checkpoints)  # a kill may have come after a trial was stored
        for trial in result.trials:
            forget(trial.id)
        self.audience.opened(replace(self.opened, record=replace(self.opened.record, state="finished")))
        self.audience.search.stage(result.findings)
        return result

    def search(
        self,
        evaluators: Mapping[EvaluatorName, Evaluator],
        checkpoints: Path,
        *,
        ready: Callable[[], None] = lambda: None,
    ) -> Searched:
        """Run the study's stages; `ready` is called before the first training run that is still to be made."""
        settings = self.request.settings.search
        self.journal.note("continued" if self.opened.is_continued else "opened", worker=worker_name(), **self._limits)
        self.audience.opened(self.opened)
        epochs = self.request.settings.train.epochs
        has_head = self.request.evaluator is None
        ground, context = self.ground, self.opened.record.context
        problem = Problem(ground.sites, settings, epochs, ground.budget, context, has_head)
        executor = LocalExecutor(self.store, evaluators, forgetting(checkpoints), self.audience.trials)
        executor.forget_ended(self.study)
        limits = Limits(settings.max_trials, None if settings.max_minutes is None else 60 * settings.max_minutes)
        wanted = _before_runs(ready, self.audience.search.wanted)
        listener = Listener(self._keep_findings, wanted, self._note_limit)
        return search(problem, self.study, self.store, executor, limits=limits, listener=listener)

    def verdict(
        self, searched: Searched, losses: Mapping[RankPlan, Mapping[int, Floats]], metric: str, split: str
    ) -> Verdict:
        """Judge the plan against the controls that were trained."""
        verified = searched.findings.verify
        assert verified is not None
        own, contenders = paired_runs(verified.plan, verified.controls, losses)
        search_settings = self.request.settings.search
        return judge(
            verified.plan,
            own,
            contenders,
            sites=self.ground.sites,
            metric=metric,
            split=split,
            margin=search_settings.margin,
            seed=search_settings.seed,
            untrained=[one.name for one in verified.controls if one not in {other.control for other in contenders}],
            ended_by=limit_name(search_settings) if searched.record.is_limited else "",
        )

    def result(
        self,
        searched: Searched,
        verdict: Verdict,
        *,
        task: Task,
        check: DataCheck | None,
        quality: Quality | None,
        head: int,
    ) -> Result:
        """Put everything together and keep it."""
        findings = searched.findings
        assert findings.verify is not None
        trials, failures = tuple(self.store.trials(self.study)), self.store.failures(self.study)
        result = Result(
            study=self.study,
            name=self.opened.record.name,
            origin=Origin.of(
                self.ground.base,
                command=self.request.command,
                source=check.source if check else "",
                data_digest=self.data_digest,
                base_parameters=self.ground.base_parameters,
                head_parameters=head,
                started=self.opened.record.created,
            ),
            settings=self.request.settings,
            task=task,
            check=check,
            sites=self.ground.sites,
            findings=findings,
            plan=findings.verify.plan,
            cost=cost(findings.verify.plan, self.ground.sites),
            verdict=verdict,
            quality=quality,
            trials=trials,
            stages=tuple(searched.stages.get(trial.id, "") for trial in trials),
            failures=tuple(failures),
            seconds=total_seconds(trials, failures),
            is_limited=searched.record.is_limited,
        )
        put_result(self.store, result)
        self._finish(result)
        return result

    def _finish(self, result: Result) -> None:
        self.journal.finish(verdict=result.verdict.verdict, trials=len(result.trials), seconds=result.seconds)

    @property
    def _limits(self) -> dict[str, object]:
        settings = self.request.settings.search
        return {"max_trials": settings.max_trials, "max_minutes": settings.max_minutes}

    def _keep_findings(self, findings: Findings) -> None:
        for stage, finding in findings.as_json().items():
            self.store.put_finding(self.study, stage, finding)
        self.journal.note_once("stage", stage=findings.stage)
        self.audience.search.stage(findings)

    def _note_limit(self, part: Part) -> None:
        self.journal.note_once("limit", part=part, **self._limits)
        self.audience.search.limited(part)


def _before_runs(
    ready: Callable[[], None], wanted: Callable[[Sequence[TrialSpec]], None]
) -> Callable[[Sequence[TrialSpec]], None]:
    """Who is told of wanted trials, with a call before the first training run among them."""
    waiting = [ready]

    def tell(specs: Sequence[TrialSpec]) -> None:
        if waiting and any(map(is_run, specs)):
            waiting.pop()()
        wanted(specs)

    return tell


def _ask_user(request: Request, function: UserFunction, audience: Audience, started: float) -> Finished:
    ground = find_ground(request.settings, Task(has_score=True))
    with _opened_store(request) as store:
        opened = _open(request, ground.base, store, "", started)
        run = _Run(request, ground, store, audience, opened, "")
        if (kept := run.kept_result(request.out / "checkpoints")) is not None:
            return Finished(kept, None, None)
        with run.journal:
            user = UserEvaluator(function, ground.sites, store, run.study)
            searched = run.search({"finetune": user}, request.out / "checkpoints")
            verified = searched.findings.verify
            assert verified is not None
            runs = verified.runs(searched.record.trials.values(), request.settings.train.epochs)
            losses = {
                plan: {trial.spec.seed: read_array(store, trial.outcome.losses) for trial in trials}
                for plan, trials in runs.items()
            }
            verdict = run.verdict(searched, losses, "loss", "valid")
            result = run.result(searched, verdict, task=Task(), check=None, quality=None, head=0)
    return Finished(result, None, None)
