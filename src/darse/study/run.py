"""The whole story: what somebody wants to know to a finished study with its plan, verdict and adapter."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from darse.data.check import data_check_as_json
from darse.data.example import LabelledData, Task
from darse.data.load import load_labelled
from darse.evaluate.sample import Sample
from darse.execute.bench import Bench
from darse.execute.ground import Ground, find_ground
from darse.execute.reference import keep_reference, kept_reference, reference_sample
from darse.execute.user import identity_of
from darse.files import make_folder, write_json
from darse.model.base import Base
from darse.model.folder import files_digest
from darse.model.precision import resolved
from darse.model.weights import AdapterWeights
from darse.packages import shaping_versions
from darse.search.identity import Identity, Opened, begin_or_continue
from darse.search.result import Result
from darse.store.folder import DATA_CHECK_FILE
from darse.store.open import open_study_store
from darse.store.owner import refuse_folder_of_other
from darse.store.protocol import Store
from darse.store.sql import SqlStore
from darse.study.evaluation import Asked, Evaluation, Trained
from darse.study.request import Audience, Request
from darse.study.work import Work


@dataclass(frozen=True)
class Finished:
    """A finished study with what is needed to export its adapter.

    Attributes:
        result: All that was found.
        bench: What its trials stood on; None for a user's own evaluator. Its store is closed.
        weights: Of the adapter that is exported; None for a user's own evaluator.
        reference: What it says of rows that it has not learned from.
    """

    result: Result
    bench: Bench | None
    weights: AdapterWeights | None
    reference: Sample | None = None


def run_study(request: Request, audience: Audience) -> Finished:
    """Run a study to its end, or continue one that was stopped; one that has ended is read back.

    A study that a limit has ended goes on where the limits have been raised (`Result.can_grow`).

    Raises:
        InputError: The source, the model or a setting is wrong, or the folder is of a shrunk adapter.
        StoreError: The store cannot be used.
        TrialError: No training run succeeded.
        Interrupted: The user asked to stop; the same request continues.
    """
    started = time.time()
    refuse_folder_of_other(request.out, "study")
    request = replace(request, settings=resolved(request.settings))
    data = _read(request)
    ground = find_ground(request.settings, Task(has_score=True) if data is None else data.task)
    with _opened_store(request) as store:
        evaluation = _evaluation(request, data, ground, store, audience)
        digest = "" if data is None else data.digest
        opened = _open(request, ground.base, store, digest, started)
        result = Work(request, ground, store, evaluation, audience, opened, digest).run()
        bench = evaluation.bench
        if bench is None:
            return Finished(result, None, None)
        weights = bench.trained_weights(result.exported_trial)
        return Finished(result, bench, weights, _reference(store, result, bench, weights, audience))


def _reference(store: Store, result: Result, bench: Bench, weights: AdapterWeights, audience: Audience) -> Sample:
    """What the exported adapter says of rows that it has not learned from."""
    trial = result.exported_trial.id
    if (kept := kept_reference(store, result.study, trial)) is not None:
        return kept
    sample = reference_sample(bench, weights, audience.trials.check)
    keep_reference(store, result.study, trial, sample)
    return sample


def _read(request: Request) -> LabelledData | None:
    """The data of a request; None with a user's own evaluator."""
    if request.evaluator is not None:
        return None
    assert request.source is not None, "without an evaluator there is a source"
    if isinstance(request.source, LabelledData):
        return request.source
    return load_labelled(request.source, request.settings.data, seed=request.settings.search.seed)


@contextmanager
def _opened_store(request: Request) -> Iterator[SqlStore]:
    """The store of a request; its folder is made when nothing that is asked for can be refused any more."""
    if request.store is None:
        make_folder(request.out)
    with open_study_store(request.out, request.store) as store:
        make_folder(request.out)
        yield store


def _evaluation(
    request: Request, data: LabelledData | None, ground: Ground, store: Store, audience: Audience
) -> Evaluation:
    """How trials are scored and judged; data are encoded, and what was found in them is told and written."""
    settings = request.settings
    if data is None:
        assert request.evaluator is not None, "without data there is an evaluator"
        return Asked(request.evaluator, ground.sites, store, settings.train.epochs)
    bench = ground.bench(data, settings, store, request.checkpoints)
    check = bench.counted(data.check)
    write_json(request.out / DATA_CHECK_FILE, data_check_as_json(check))
    audience.check(check)
    return Trained(bench, check, audience.trials.check)


def _open(request: Request, base: Base, store: Store, data_digest: str, started: float) -> Opened:
    """Continue the study of a request, or start it."""
    name = "darse" if request.evaluator is None else identity_of(request.evaluator)
    identity = Identity(data_digest, files_digest(base.folder), name, shaping_versions(), request.settings)
    return begin_or_continue(store, identity, name=request.out.name, fresh=request.fresh, now=started)
