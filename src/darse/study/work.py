"""An open study to its result: searched, judged and kept, or read back if it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from darse.execute.ground import Ground
from darse.execute.local import LocalExecutor
from darse.execute.worker import worker_name
from darse.ranks.plan import cost
from darse.search.driver import Listener, Searched, search
from darse.search.history import Problem, is_run
from darse.search.identity import Opened
from darse.search.kept_result import put_result, readable_result
from darse.search.limits import Limits, limit_name
from darse.search.record import Part
from darse.search.result import Origin, Result
from darse.search.stages import Findings
from darse.search.verdict import Verdict, judge, paired_runs
from darse.store.journal import Journal
from darse.store.protocol import Store
from darse.store.trial import TrialSpec, total_seconds
from darse.study.evaluation import Evaluation, Shown
from darse.study.request import Audience, Request
from darse.train.checkpoint import forgetting


@dataclass(frozen=True)
class Work:
    """One process's work on an open study.

    Attributes:
        request: What somebody wants to know.
        ground: What the study stands on.
        store: Its memory.
        evaluation: How its trials are scored and judged.
        audience: Whom to tell.
        opened: The study.
        data_digest: Of the data; empty with a user's own evaluator.
    """

    request: Request
    ground: Ground
    store: Store
    evaluation: Evaluation
    audience: Audience
    opened: Opened
    data_digest: str

    def run(self) -> Result:
        """The result that the study has already, if no search within the limits could add to it, else a new one."""
        kept = self._kept_result()
        if kept is not None:
            return kept
        with self.journal:
            searched = self._search()
            return self._result(searched, self.evaluation.shown(self.study, searched))

    @property
    def study(self) -> str:
        """Id of the study."""
        return self.opened.record.id

    @property
    def journal(self) -> Journal:
        """Where it is written down how the study goes."""
        return Journal(self.store, self.study)

    def _kept_result(self) -> Result | None:
        result = readable_result(self.store, self.study)
        if result is None or result.can_grow(self.request.settings.search):
            return None
        if self.opened.record.state != "finished":  # a search within higher limits was begun and stopped
            for stage, finding in result.findings.as_json().items():
                self.store.put_finding(self.study, stage, finding)
            self._finish(result)
        forget = forgetting(self.request.checkpoints)  # a kill may have come after a trial was stored
        for trial in result.trials:
            forget(trial.id)
        self.audience.opened(replace(self.opened, record=replace(self.opened.record, state="finished")))
        self.audience.search.stage(result.findings)
        return result

    def _search(self) -> Searched:
        settings = self.request.settings.search
        self.journal.note("continued" if self.opened.is_continued else "opened", worker=worker_name(), **self._limits)
        self.audience.opened(self.opened)
        epochs = self.request.settings.train.epochs
        has_head = self.request.evaluator is None
        ground, context = self.ground, self.opened.record.context
        problem = Problem(ground.sites, settings, epochs, ground.budget, context, has_head)
        forget, evaluators = forgetting(self.request.checkpoints), self.evaluation.evaluators(self.study)
        executor = LocalExecutor(self.store, evaluators, forget, self.audience.trials)
        executor.forget_ended(self.study)
        limits = Limits(settings.max_trials, None if settings.max_minutes is None else 60 * settings.max_minutes)
        wanted = _before_runs(self._tell_ready, self.audience.search.wanted)
        listener = Listener(self._keep_findings, wanted, self._note_limit)
        return search(problem, self.study, self.store, executor, limits=limits, listener=listener)

    def _verdict(self, searched: Searched, shown: Shown) -> Verdict:
        """Judge the plan against the controls that were trained."""
        verified = searched.findings.verify
        assert verified is not None
        own, contenders = paired_runs(verified.plan, verified.controls, shown.losses)
        search_settings = self.request.settings.search
        return judge(
            verified.plan,
            own,
            contenders,
            sites=self.ground.sites,
            metric=shown.metric,
            split=shown.split,
            margin=search_settings.margin,
            seed=search_settings.seed,
            untrained=[one.name for one in verified.controls if one not in {other.control for other in contenders}],
            ended_by=limit_name(search_settings) if searched.record.is_limited else "",
        )

    def _result(self, searched: Searched, shown: Shown) -> Result:
        """Put everything together and keep it."""
        check = self.evaluation.check
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
                head_parameters=self.evaluation.head_parameters,
                started=self.opened.record.created,
            ),
            settings=self.request.settings,
            task=self.evaluation.task,
            check=check,
            sites=self.ground.sites,
            findings=findings,
            plan=findings.verify.plan,
            cost=cost(findings.verify.plan, self.ground.sites),
            verdict=self._verdict(searched, shown),
            quality=shown.quality,
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

    def _tell_ready(self) -> None:
        if self.evaluation.bench is not None:
            self.audience.ready(self.evaluation.bench)

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
