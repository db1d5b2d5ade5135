"""A finished study to the files that people take away: verdict, report, adapter and model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from transformers import PreTrainedModel

from darse.choice import choose_plan, choose_run
from darse.data.example import DataCheck, LabelledData
from darse.data.load import load_labelled
from darse.data.source import Source
from darse.errors import AdapterError, InputError, ModelError
from darse.evaluate.sample import Sample
from darse.execute.bench import Bench, read_weights
from darse.execute.reference import kept_reference, reference_sample
from darse.files import write_durably, write_json
from darse.model.adapter import Export, write_adapter
from darse.model.base import find_base
from darse.model.lora import installed
from darse.model.proof import plain_logits, probes
from darse.model.reload import load_adapter
from darse.model.weights import AdapterWeights
from darse.names import printable_path
from darse.ranks.sites import find_weights
from darse.report.card import model_card
from darse.report.facts import NamedPlan
from darse.report.page import render_report
from darse.report.shrink_card import shrink_card
from darse.score.onnx import load_onnx, require_exporter, write_onnx
from darse.search.result import Result
from darse.settings import Profile
from darse.shrink.run import FinishedShrink
from darse.store.folder import SHRINK_FILE, VERDICT_FILE
from darse.store.journal import Journal
from darse.store.open import open_study_store
from darse.store.protocol import Store
from darse.study.run import Finished
from darse.study.source import reread
from darse.train.encode import Encoded, encode
from darse.train.predict import predict

TOLERANCE = 1e-5
"""Largest difference of reloaded outputs that passes: class logits as they are, scores standardised; relative where
outputs are above 1."""
_ROUNDINGS = 4
"""Roundings in float32 of a score in the user's units, which all are at its mean."""


def publish(finished: Finished, folder: Path, store: str | None = None) -> None:
    """Write, unless an own evaluator was asked, adapter/, then report.html and verdict.json.

    Args:
        finished: The study.
        folder: Where they go.
        store: Address of its store, which is told if the adapter fails its proof; None for the file in the folder.
    """
    result = finished.result
    if finished.bench is not None and finished.weights is not None:
        with open_study_store(folder, store) as opened, Journal(opened, result.study).noting_reload():
            write_export(result, finished.bench, finished.weights, folder / "adapter", reference=finished.reference)
    write_report(result, folder / "report.html")
    write_json(folder / VERDICT_FILE, result.verdict_json())


def write_report(result: Result, path: Path, *, follows_link: bool = False) -> None:
    """Write the report as one self-contained page; see `write_durably`."""
    write_durably(path, render_report(result).encode(), follows_link=follows_link)


def write_export(
    result: Result,
    bench: Bench,
    weights: AdapterWeights,
    folder: Path,
    profile: Profile = "native",
    *,
    reference: Sample | None = None,
) -> None:
    """Write the adapter of the found plan that is best on validation and prove it by reloading.

    Raises:
        AdapterError: The reloaded adapter does not give the same outputs.
    """
    _write(result, choose_plan(result, None), _export(bench, weights, reference), folder, profile)


def export_again(
    result: Result,
    store: Store,
    folder: Path,
    profile: Profile,
    *,
    plan: str | None = None,
    base: str | None = None,
    data: Source | None = None,
    trust_remote_code: bool = False,
) -> None:
    """Write the adapter of a finished study's plan, or of one of its controls; only `onnx` needs the data.

    Args:
        result: The study.
        store: Where the weights of its runs are.
        folder: Where the adapter goes.
        profile: Kind of export.
        plan: A control, as `choose_plan` takes it; None for the found plan.
        base: Name or folder of the base model, if it is not where it was.
        data: Labelled rows for `onnx`, where those of the study are gone or were changed.
        trust_remote_code: Whether code that comes with the base model may run; what the study was allowed does not
            count, since a study's folder may come from anybody.

    Raises:
        AdapterError: The reloaded adapter does not give the same outputs.
        ModelError: The base model is gone or was changed, or it cannot be exported to ONNX.
        InputError: The study has no such adapter, or its rows are needed and gone.
        MissingExtraError: What exports ONNX is not installed.
    """
    chosen = choose_plan(result, plan)
    run = choose_run(result, chosen)
    settings = result.settings
    found = find_base(base or settings.model, trust_remote_code=trust_remote_code)
    if found.digest != result.origin.base_digest:
        raise ModelError(
            f"the weights of {printable_path(found.name)} are not those of the study; give the right model with --base"
        )
    model = found.classifier(result.task)
    weights = read_weights(store, run.outcome.artifacts["weights"])
    length = found.text_length(settings.train.max_length)
    reference = kept_reference(store, result.study, run.id)
    export = Export(found, model, result.task, weights, find_weights(model), length, reference=_columns_of(reference))
    rows = None
    if profile == "onnx":
        require_exporter()
        rows = _rows_of(export, _data_of(result, data))
    with Journal(store, result.study).noting_reload():
        _write(result, chosen, export, folder, profile, rows)


def _data_of(result: Result, given: Source | None) -> LabelledData:
    """The rows of a study, read again, or those that are given in their place."""
    settings = result.settings
    if given is not None:
        return load_labelled(given, settings.data, seed=settings.search.seed)
    needed = "the rows that the study was trained on are needed to see that the ONNX model answers alike"
    try:
        return reread(result)
    except InputError as error:
        raise InputError(f"{needed}: {error}; say where they are with --data (Python: data=)") from error


def _rows_of(export: Export, data: LabelledData) -> tuple[Encoded, Encoded]:
    """Training and validation rows as the tokens that the model sees."""
    tokenizer, task = export.base.tokenizer, export.task
    return (
        encode(tokenizer, task, data.train, export.max_length),
        encode(tokenizer, task, data.valid, export.max_length),
    )


def _write(
    result: Result,
    plan: NamedPlan,
    export: Export,
    folder: Path,
    profile: Profile,
    rows: tuple[Encoded, Encoded] | None = None,
) -> None:
    about: dict[str, object] = {
        "study": result.study,
        "name": plan.name,
        "plan": list(plan.plan.ranks),
        "verdict": result.verdict.verdict,
        "columns": _columns(result.check),
    }
    # a base model that has moved is named where it is now
    moved = replace(result, origin=replace(result.origin, base_name=export.base.name))
    _write_proven(replace(export, about=about), folder, profile, model_card(moved, profile, plan), rows)


def publish_shrunk(finished: FinishedShrink, folder: Path, profile: Profile = "native") -> None:
    """Write shrink.json and adapter/, proven by reloading.

    Raises:
        AdapterError: The reloaded adapter does not give the same outputs.
    """
    result = finished.result
    about: dict[str, object] = {
        "study": result.study,
        "name": "shrunk",
        "plan": list(result.plan.ranks),
        "verdict": result.verdict.verdict,
        "columns": _columns(result.check),
        "adapter_sha256": result.adapter_digest,
    }
    reference = reference_sample(finished.bench, finished.weights)
    export = replace(_export(finished.bench, finished.weights, reference), about=about)
    rows = (finished.bench.rows["train"], finished.bench.rows["valid"])
    _write_proven(export, folder / "adapter", profile, shrink_card(result, profile), rows)
    write_json(folder / SHRINK_FILE, result.as_json())


def _export(bench: Bench, weights: AdapterWeights, reference: Sample | None) -> Export:
    columns = _columns_of(reference)
    return Export(bench.base, bench.model, bench.task, weights, bench.weights, bench.max_length, reference=columns)


def _columns_of(reference: Sample | None) -> Mapping[str, object] | None:
    return None if reference is None else reference.as_json()


def _write_proven(
    export: Export, folder: Path, profile: Profile, card: str, rows: tuple[Encoded, Encoded] | None
) -> None:
    def add(model: PreTrainedModel, new: Path) -> Mapping[str, object]:
        if profile != "onnx":
            return {}
        assert rows is not None, "only a finished study is exported so"
        train, valid = rows
        probed = encode(export.base.tokenizer, export.task, probes(export.task), export.max_length)
        return {"onnx": write_onnx(new, model, export.task, train=train, valid=valid, probed=probed)}

    write_adapter(export, folder, profile, card=card, add=add, prove=lambda new: _prove(export, new, profile))


def _columns(check: DataCheck | None) -> dict[str, str]:
    """Columns of text and target in training, where a scorer looks first."""
    if check is None:
        return {}
    columns = {"text": check.columns.text, "target": check.columns.target}
    return {part: name for part, name in columns.items() if name is not None}


def _prove(export: Export, folder: Path, profile: Profile) -> None:
    """Reload the folder, by our own loader and by plain `peft`, and compare the outputs on a few texts."""
    task = export.task
    examples = probes(task)
    rows = encode(export.base.tokenizer, task, examples, export.max_length)
    with installed(export.model, export.weights):
        ours = predict(export.model, rows)
    loaded = load_adapter(folder, base=str(export.base.folder), trust_remote_code=export.base.trust_remote_code)
    if profile == "onnx":
        load_onnx(folder, trust_remote_code=export.base.trust_remote_code)
    reloaded = predict(loaded.model, rows)
    del loaded
    plain = plain_logits(folder, export.base, profile, examples, outputs=task.outputs, max_length=export.max_length)
    for reader, theirs in (("darse", reloaded), ("plain peft and transformers", plain)):
        theirs = theirs.clone()
        if task.has_score:
            theirs[:, len(task.classes)] = (theirs[:, len(task.classes)] - task.score_mean) / task.score_sd
        difference = float((theirs - ours).abs().max())
        # a head that answers in the user's units rounds to the digits that float32 has at the scores' mean
        rounding = _ROUNDINGS * torch.finfo(torch.float32).eps * abs(task.score_mean) / task.score_sd
        if not difference <= TOLERANCE * max(1.0, float(ours.abs().max())) + rounding:
            raise AdapterError(
                f"{folder}: as {reader} loads it, its outputs differ by {difference:.2g}; please report this"
            )
