"""An audience that writes to Python's log, for who calls from Python: `logging.basicConfig(level="INFO")` shows it."""

from __future__ import annotations

import logging

from darse.data.example import DataCheck
from darse.execute.local import Watcher
from darse.search.driver import Listener
from darse.search.history import is_run
from darse.search.record import Part
from darse.search.stages import Findings
from darse.store.trial import Failure, Trial
from darse.study.request import Audience

_LOG = logging.getLogger("darse")


def logged() -> Audience:
    """An audience that logs the data check, stages, training runs and failures to the logger `darse`."""
    return Audience(
        check=_checked, search=Listener(stage=_stage, limited=_limited), trials=Watcher(finished=_run, failed=_failed)
    )


def _checked(check: DataCheck) -> None:
    rejected = sum(check.rejected.values())
    _LOG.info("data: %d rows, %d kept, %d rejected", check.rows, check.kept, rejected)
    for warning in check.warnings:
        _LOG.warning("data: %s", warning)


def _stage(findings: Findings) -> None:
    _LOG.info("stage: %s", findings.stage)


def _limited(part: Part) -> None:
    _LOG.info("limit: it has ended the %s", part)


def _run(trial: Trial) -> None:
    # of cuts there are many, and each is over in no time
    level = logging.INFO if is_run(trial.spec) else logging.DEBUG
    spec, outcome = trial.spec, trial.outcome
    _LOG.log(
        level,
        "%s: plan %s, seed %d, learning rate %g, loss %.4f, %.0f s",
        "run" if is_run(spec) else spec.evaluator,
        spec.plan,
        spec.seed,
        spec.learning_rate,
        outcome.score,
        outcome.seconds,
    )


def _failed(failure: Failure) -> None:
    _LOG.warning("failed: plan %s, seed %d: %s", failure.spec.plan, failure.spec.seed, failure.reason)
