"""The whole story: an adapter and a labelled source to the smallest cut that is not worse, with its verdict."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

from darse.data.check import data_check_as_json
from darse.data.example import DataCheck, LabelledData
from darse.data.load import load_labelled
from darse.data.source import Source
from darse.errors import AdapterError, InputError
from darse.execute.bench import Bench
from darse.execute.ground import Ground
from darse.files import make_folder, write_json
from darse.model.base import Base, body_parameters, find_base
from darse.model.folder import files_digest
from darse.model.head import task_for_head
from darse.model.manifest import MANIFEST, read_manifest
from darse.model.peft_adapter import PeftAdapter, find_adapter, read_peft_adapter
from darse.model.peft_config import labels_of
from darse.model.peft_fit import fitted_weights, head_outputs, refuse_other_tasks
from darse.model.weights import AdapterWeights
from darse.names import printable
from darse.packages import shaping_versions
from darse.ranks.budget import parse_budget
from darse.ranks.plan import RankPlan
from darse.ranks.sites import find_weights
from darse.search.identity import Identity, begin_or_continue
from darse.search.result import Origin
from darse.settings import Settings
from darse.shrink.labels import in_head_order
from darse.shrink.layout import Layout
from darse.shrink.result import Shrunk
from darse.shrink.work import Audience, Found, Work
from darse.store.folder import DATA_CHECK_FILE, SHRINK_FILE
from darse.store.journal import Journal
from darse.store.open import open_study_store
from darse.store.owner import SHRINKING, refuse_folder_of_other
from darse.store.protocol import StudyRecord
from darse.store.trial import total_seconds


@dataclass(frozen=True)
class Request:
    """What somebody wants shrunk.

    Attributes:
        adapter: A folder or a hub name.
        source: The labelled source, or what has been read of it.
        settings: Of the work; the base model is not taken from them.
        out: Folder of the work.
        labels: Names of the head's classes, in its order; empty to take those that are written down somewhere.
        base: Name or folder of the base model; None means the one that the adapter's config names.
        command: What reproduces the request.
        fresh: Do all of it again, and replace what came of another adapter in the folder.
    """

    adapter: str
    source: Source | LabelledData
    settings: Settings
    out: Path
    labels: tuple[str, ...] = ()
    base: str | None = None
    command: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class Finished:
    """A shrunk adapter with what is needed to export it.

    Attributes:
        result: All that was found.
        bench: What its trials stood on.
        weights: Of the adapter to export.
    """

    result: Shrunk
    bench: Bench
    weights: AdapterWeights


def shrink(request: Request, audience: Audience) -> Finished:
    """Cut an adapter to the smallest plan that is not worse; a request that was stopped continues.

    Raises:
        InputError: The adapter, its base model, the source or a setting is wrong, or the folder holds something else.
        StoreError: The folder cannot be written.
        TrialError: The adapter could not be scored.
        Interrupted: The user asked to stop; the same request continues.
    """
    # a cut is held against the uncut adapter to a part of a per cent, which is finer than bfloat16 tells
    exact = request.settings.train.model_copy(update={"precision": "float32"})
    request = replace(request, settings=request.settings.model_copy(update={"train": exact}))
    settings = request.settings
    adapter = read_peft_adapter(find_adapter(request.adapter))
    refuse_other_tasks(adapter)
    _refuse_what_is_there(request, adapter)
    base = _base(request, adapter)
    data = request.source
    if not isinstance(data, LabelledData):
        data = load_labelled(data, settings.data, seed=settings.search.seed)
    data = in_head_order(data, request.labels or _known_labels(adapter, base), head_outputs(adapter, base))
    model = base.classifier(data.task)
    weights = fitted_weights(adapter, model, task_for_head(model, data.task), settings.train.alpha)
    layout = Layout.of(find_weights(model), adapter.ranks, settings.search.granularity)
    text = settings.search.budget
    parameters = body_parameters(model)
    budget = None if text is None else parse_budget(text, layout.sites, parameters)
    ground = Ground(base, model, layout.modules, parameters, budget)
    make_folder(request.out)
    with open_study_store(request.out) as store:
        bench = ground.bench(data, settings, store, request.out / "checkpoints")
        check = bench.counted(data.check)
        write_json(request.out / DATA_CHECK_FILE, data_check_as_json(check))
        audience.check(check)
        identity = _identity(adapter, base, data, settings)
        record = begin_or_continue(store, identity, name=request.out.name, fresh=request.fresh, now=time.time()).record
        with Journal(store, record.id) as journal:
            found = Work(bench, weights, adapter, layout, budget, record.id, audience).run()
            result = _result(request, adapter, bench, layout, found, check=check, digest=data.digest, record=record)
            journal.finish(verdict=result.verdict.verdict, trials=result.trials, seconds=result.seconds)
        return Finished(result, bench, found.weights)


def _refuse_what_is_there(request: Request, adapter: PeftAdapter) -> None:
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


def _base(request: Request, adapter: PeftAdapter) -> Base:
    name = request.base or adapter.config.base_name
    if name is None:
        raise AdapterError(f"{adapter.folder} does not name its base model; give it with --model")
    return find_base(name, trust_remote_code=request.settings.trust_remote_code)


def _known_labels(adapter: PeftAdapter, base: Base) -> tuple[str, ...]:
    """Names of the head's classes: of our own manifest, of the adapter's config, or of the base model's."""
    if (adapter.folder / MANIFEST).is_file():
        return read_manifest(adapter.folder).task.classes
    return adapter.config.labels or labels_of({"id2label": base.id2label})


def _identity(adapter: PeftAdapter, base: Base, data: LabelledData, settings: Settings) -> Identity:
    """What makes this work this work: the adapter and its head's labels beside what makes any study."""
    name = f"{SHRINKING} {adapter.digest} {'|'.join(data.task.classes)}"
    return Identity(data.digest, files_digest(base.folder), name, shaping_versions(), settings)


def _result(
    request: Request,
    adapter: PeftAdapter,
    bench: Bench,
    layout: Layout,
    found: Found,
    *,
    check: DataCheck,
    digest: str,
    record: StudyRecord,
) -> Shrunk:
    """Put everything together."""
    origin = Origin.of(
        bench.base,
        command=request.command,
        source=check.source,
        data_digest=digest,
        base_parameters=body_parameters(bench.model),
        head_parameters=bench.head_parameters,
        started=record.created,
    )
    trials = bench.store.trials(record.id)
    return Shrunk(
        study=record.id,
        adapter=request.adapter,
        adapter_digest=adapter.digest,
        origin=origin,
        settings=request.settings,
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
