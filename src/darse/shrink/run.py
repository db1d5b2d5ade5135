"""The whole story: an adapter and a labelled source to the smallest cut that is not worse, with its verdict."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from darse.data.check import data_check_as_json
from darse.data.example import DataCheck, LabelledData
from darse.errors import InputError
from darse.execute.bench import Bench
from darse.files import make_folder, write_json
from darse.model.base import Base, body_parameters
from darse.model.folder import files_digest
from darse.model.peft_adapter import PeftAdapter
from darse.model.weights import AdapterWeights
from darse.names import printable
from darse.packages import shaping_versions
from darse.ranks.plan import RankPlan
from darse.search.identity import Identity, begin_or_continue
from darse.search.result import Origin
from darse.settings import Settings
from darse.shrink.prepare import Ready, ShrinkRequest, given_adapter, prepare
from darse.shrink.result import Shrunk
from darse.shrink.work import FoundCut, ShrinkAudience, ShrinkWork
from darse.store.folder import DATA_CHECK_FILE, SHRINK_FILE
from darse.store.journal import Journal
from darse.store.open import open_study_store
from darse.store.owner import SHRINKING, refuse_folder_of_other
from darse.store.protocol import StudyRecord
from darse.store.trial import total_seconds


@dataclass(frozen=True)
class FinishedShrink:
    """A shrunk adapter with what is needed to export it.

    Attributes:
        result: All that was found.
        bench: What its trials stood on.
        weights: Of the adapter to export.
    """

    result: Shrunk
    bench: Bench
    weights: AdapterWeights


def shrink(request: ShrinkRequest, audience: ShrinkAudience) -> FinishedShrink:
    """Cut an adapter to the smallest plan that is not worse; a request that was stopped continues.

    Raises:
        InputError: The adapter, its base model, the source or a setting is wrong, or the folder holds something else.
        StoreError: The folder cannot be written.
        TrialError: The adapter could not be scored.
        Interrupted: The user asked to stop; the same request continues.
    """
    adapter = given_adapter(request)
    _refuse_what_is_there(request, adapter)
    ready = prepare(request, adapter)
    ground = ready.ground
    make_folder(request.out)
    with open_study_store(request.out) as store:
        bench = ground.bench(ready.data, ready.settings, store, request.out / "checkpoints")
        check = bench.counted(ready.data.check)
        write_json(request.out / DATA_CHECK_FILE, data_check_as_json(check))
        audience.check(check)
        identity = _identity(adapter, ground.base, ready.data, ready.settings)
        record = begin_or_continue(store, identity, name=request.out.name, fresh=request.fresh, now=time.time()).record
        with Journal(store, record.id) as journal:
            found = ShrinkWork(bench, ready.weights, adapter, ready.layout, ground.budget, record.id, audience).run()
            result = _result(request, ready, bench, found, check=check, record=record)
            journal.finish(verdict=result.verdict.verdict, trials=result.trials, seconds=result.seconds)
        return FinishedShrink(result, bench, found.weights)


def _refuse_what_is_there(request: ShrinkRequest, adapter: PeftAdapter) -> None:
    """Refuse a folder whose files are those of a study, of the given adapter itself, or of another adapter."""
    out = request.out
    if (out / "adapter").resolve() == adapter.folder.resolve():
        raise InputError(f"{out / 'adapter'} is the adapter that is given and would be replaced; choose another --out")
    refuse_folder_of_other(out, "shrink")
    if request.fresh or not (out / SHRINK_FILE).exists():
        return
    try:
        earlier = json.loads((out / SHRINK_FILE).read_bytes())
        name, digest = str(earlier["adapter"]), str(earlier["adapter_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        name, digest = "another adapter", ""
    if digest != adapter.digest:
        raise InputError(
            f"{out} holds what came of {printable(name, 200)}; choose another --out, or replace it with --fresh"
        )


def _identity(adapter: PeftAdapter, base: Base, data: LabelledData, settings: Settings) -> Identity:
    """What makes this work this work: the adapter and its head's labels beside what makes any study."""
    name = f"{SHRINKING} {adapter.digest} {'|'.join(data.task.classes)}"
    return Identity(data.digest, files_digest(base.folder), name, shaping_versions(), settings)


def _result(
    request: ShrinkRequest, ready: Ready, bench: Bench, found: FoundCut, *, check: DataCheck, record: StudyRecord
) -> Shrunk:
    """Put everything together."""
    layout = ready.layout
    origin = Origin.of(
        bench.base,
        command=request.command,
        source=check.source,
        data_digest=ready.data.digest,
        base_parameters=body_parameters(bench.model),
        head_parameters=bench.head_parameters,
        started=record.created,
    )
    trials = bench.store.trials(record.id)
    return Shrunk(
        study=record.id,
        adapter=request.adapter,
        adapter_digest=ready.adapter.digest,
        origin=origin,
        settings=ready.settings,
        task=bench.task,
        check=check,
        sites=layout.sites,
        modules=layout.modules,
        stored=RankPlan(layout.stored),
        plan=found.chosen.plan,
        cost=found.chosen.cost,
        stored_cost=layout.stored_cost,
        method=found.method,
        verdict=found.verdict,
        quality=found.quality,
        uncut=found.uncut,
        losses=found.losses,
        candidates=found.candidates,
        seeds=found.seeds,
        trials=len(trials),
        seconds=total_seconds(trials, bench.store.failures(record.id)),
    )
