"""The study behind an adapter, or a file, to the reference points of a table, with reasons for those it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from darse.archive import find_result, open_archive
from darse.choice import choose_plan, choose_run
from darse.data.example import Example, Task
from darse.errors import DarseError, InputError, ModelError
from darse.evaluate.losses import Floats
from darse.files import sha256_of_json
from darse.packages import shaping_versions
from darse.report.facts import NamedPlan
from darse.search.controls import BEST_UNIFORM, HEAD_ALONE, option_name
from darse.search.result import Result
from darse.settings import DataSettings
from darse.store.folder import STORE_FILE
from darse.study.source import reread
from darse.testing.dataset import Dataset, read_dataset
from darse.testing.entry import Answer, Check, Entry, Facts
from darse.testing.references import CONSTANT, LEXICON, LINEAR, Missing, reference_entries, training_rows

_NEED_TRAINING = (CONSTANT, LEXICON, LINEAR)
_CONTROLS = {HEAD_ALONE: "head alone", BEST_UNIFORM: "uniform ranks"}
_NO_STUDY = "no adapter here lies in the folder of its study; name the study's folder with --study"


@dataclass(frozen=True)
class Background:
    """What the adapters of a table are held beside.

    Attributes:
        entries: The reference points that there are.
        missing: Those that there are not, with the reasons.
        train: The training rows; None where they are not known.
    """

    entries: tuple[Entry, ...] = ()
    missing: tuple[Missing, ...] = ()
    train: Dataset | None = None


@dataclass(frozen=True)
class BackgroundRequest:
    """Where reference points may come from.

    Attributes:
        train: A labelled file of training rows, or None.
        settings: How that file is read.
        study: Folder of a study, or None.
        base: Name or folder of the base model, if it is not where it was.
        trust_remote_code: Whether code that comes with the base model may run.
    """

    train: Path | None = None
    settings: DataSettings = field(default_factory=DataSettings)
    study: Path | None = None
    base: str | None = None
    trust_remote_code: bool = False


def find_background(entries: Sequence[Facts], request: BackgroundRequest) -> Background:
    """The reference points of a table, from a file of training rows and from the study of an adapter.

    Args:
        entries: The adapters of the table; the first one whose study is found says which study.
        request: What somebody has named.

    Raises:
        InputError: A file or folder that was named cannot be used; what was not named is a missing row instead.
    """
    named = None if request.study is None else (request.study, _result_of(request.study, None))
    found = named or _study_of(entries)
    controls, missing = _controls(found, request)
    train: Dataset | None = None
    reason = _NO_STUDY.replace("--study", "--study, or a file of training rows with --train")
    if request.train is not None:
        train = read_dataset(str(request.train), request.settings, name="training rows", part="learned")
    elif found is not None:
        try:
            data = reread(found[1])
            train = training_rows(data.train, data.task, found[1].origin.source)
        except InputError as error:
            reason = f"the study's training rows cannot be read ({error}); name a file of them with --train"
    if train is None:
        return Background(tuple(controls), (*(Missing(name, reason) for name in _NEED_TRAINING), *missing))
    own, more = reference_entries(train)
    return Background((*own, *controls), (*more, *missing), train)


def _study_of(entries: Sequence[Facts]) -> tuple[Path, Result] | None:
    """The study of the first adapter that lies in its study's folder."""
    for facts in entries:
        folder = Path(facts.folder).parent if facts.folder else None
        if folder is None or not facts.study or not (folder / STORE_FILE).exists():
            continue
        try:
            return folder, _result_of(folder, facts.study)
        except DarseError:  # another work's folder, or a damaged one: the reference points go missing, not the table
            continue
    return None


def _result_of(folder: Path, study: str | None) -> Result:
    with open_archive(folder, None) as store:
        return find_result(store, folder, study)


def _controls(found: tuple[Path, Result] | None, request: BackgroundRequest) -> tuple[list[Entry], list[Missing]]:
    """The study's own controls: no adapter at all, and the best uniform ranks."""
    entries: list[Entry] = []
    missing: list[Missing] = []
    for control, name in _CONTROLS.items():
        if found is None:
            missing.append(Missing(name, _NO_STUDY))
            continue
        try:
            entries.append(_control_entry(name, *found, choose_plan(found[1], option_name(control)), request))
        except InputError as error:
            missing.append(Missing(name, str(error)))
    return entries, missing


def _control_entry(name: str, folder: Path, result: Result, plan: NamedPlan, request: BackgroundRequest) -> Entry:
    """A control that a study has trained, answering with the weights that the store keeps of its best run."""
    run = choose_run(result, plan)
    weights_digest = run.outcome.artifacts["weights"]
    facts = Facts(
        name=name,
        kind="reference",
        digest=sha256_of_json(
            {"control": run.id, "weights": run.outcome.artifacts["weights"], "v": shaping_versions()}
        ),
        task=result.task,
        study=result.study,
        parameters=plan.cost,
        ranks={site.name: rank for site, rank in zip(result.sites, plan.plan.ranks, strict=True) if rank},
        rule=f"the control {plan.name} of study {result.name}, its best run on validation",
    )

    def load() -> Answer:
        from darse.execute.bench import read_weights
        from darse.model.adapter import merged
        from darse.model.base import find_base
        from darse.model.lora import installed
        from darse.train.encode import encode
        from darse.train.predict import predict

        with open_archive(folder, None) as store:
            weights = read_weights(store, weights_digest)
        base = find_base(request.base or result.settings.model, trust_remote_code=request.trust_remote_code)
        if base.digest != result.origin.base_digest:
            raise ModelError(f"the weights of {base.name} are not those of the study; give the right model with --base")
        model, task = base.classifier(result.task), result.task
        length = base.text_length(result.settings.train.max_length)

        def answer(texts: Sequence[str], targets: Sequence[str] | None, check: Check) -> Floats:
            named = targets if targets is not None else [None] * len(texts)
            asked = [Example(at, text, target) for at, (text, target) in enumerate(zip(texts, named, strict=True), 1)]
            rows = encode(base.tokenizer, Task(task.classes, task.has_score, task.has_target), asked, length)
            with merged(model, weights), installed(model, replace(weights, pairs={})):
                logits = predict(model, rows, check=check).numpy().astype(np.float64)
            return _in_users_units(logits, result)

        return answer

    return Entry(facts, load)


def _in_users_units(logits: Floats, result: Result) -> Floats:
    """Probabilities of the classes, then the score in the user's units."""
    from scipy.special import softmax

    task, count = result.task, len(result.task.classes)
    chances = softmax(logits[:, :count], axis=1) if count else np.empty((len(logits), 0))
    score = logits[:, count:] * task.score_sd + task.score_mean
    found: Floats = np.concatenate([chances, score], axis=1)
    return found
