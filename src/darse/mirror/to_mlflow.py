"""A study to an experiment of MLflow: its runs, their metrics, its files, and its adapter as a registered model."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from darse.errors import AdapterError, MissingExtraError
from darse.files import sha256_of_bytes
from darse.mirror.subject import MLFLOW, Mirrored, Subject, naming_place, safe_key, summary
from darse.model.manifest import read_manifest
from darse.names import folder_name, without_secrets
from darse.store.trial import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_TRIAL, _STUDY = "darse.trial", "darse.study"
_RESULT = "darse.result"
_DONE = "FINISHED"
_VARIABLES = {
    # it counts who uses it, and tells its makers, unless it is told not to before it is imported
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # a server that is away is told of in seconds, not in minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
_LONGEST = 500
"""Characters of a setting."""
_METRICS_AT_ONCE = 1000
"""MLflow takes no more in one call."""


def default_address(folder: Path) -> str:
    """Where it goes if nothing is said: a file in the study's folder."""
    return f"sqlite:///{folder / 'mlflow.db'}"


def mirror_to_mlflow(subject: Subject, address: str) -> Mirrored:
    """Add every training run that is not there yet, the study itself as a run with its files, and its adapter.

    A run that an earlier call did not end is made anew. Cuts are no runs; they are in the table `trials.jsonl`.

    Args:
        subject: The study.
        address: Of MLflow's tracking server, or of a database of its own.

    Raises:
        MissingExtraError: MLflow is not installed.
        StoreError: The server or database cannot be used.
    """
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    if find_spec("mlflow") is None:
        raise MissingExtraError("mlflow-skinny", "mlflow", "or write files with darse dump")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    added = present = 0
    with naming_place(MLFLOW, address, (MlflowException, SQLAlchemyError, OSError)):
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        experiment = _experiment(client, subject, address)
        known = _runs(client, experiment)
        for trial, began in subject.starts():
            subject.check()
            if _is_done(client, known.get(trial.id)):
                present += 1
                continue
            _add_run(client, experiment, subject, trial, began)
            added += 1
        note = _add_study(client, experiment, subject, known.get(subject.study.record.id))
    shown = without_secrets(address)
    look = shown if address.startswith("http") else f"mlflow ui --backend-store-uri {shown}"
    return Mirrored(f"darse-{subject.name}", added, present, look, (note,))


def _experiment(client: MlflowClient, subject: Subject, address: str) -> str:
    name = f"darse-{subject.name}"
    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    place = None
    if address.startswith("sqlite:///"):  # else beside wherever the command was given
        folder = Path(address.removeprefix("sqlite:///")).absolute().parent
        place = (folder / "mlflow-artifacts" / subject.name).as_uri()
    return str(client.create_experiment(name, artifact_location=place, tags=dict(summary(subject))))


def _runs(client: MlflowClient, experiment: str) -> dict[str, Run]:
    """The runs that are there, by the trial or study that each is of."""
    found: dict[str, Run] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            if (key := run.data.tags.get(_TRIAL) or run.data.tags.get(_STUDY)) is not None:
                found[key] = run
        token = page.token
        if not token:
            return found


def _is_done(client: MlflowClient, run: Run | None) -> bool:
    if run is None:
        return False
    if run.info.status == _DONE:
        return True
    client.delete_run(run.info.run_id)  # a call that was stopped has left it half made
    return False


def _add_run(client: MlflowClient, experiment: str, subject: Subject, trial: Trial, began: float) -> None:
    from mlflow.entities import Metric, Param

    start, end = int(1000 * began), int(1000 * (began + trial.outcome.seconds))
    run = client.create_run(
        experiment, start_time=start, run_name=f"{trial.spec.plan} seed {trial.spec.seed}", tags={_TRIAL: trial.id}
    )
    key = run.info.run_id
    values = {**subject.parameters(trial.spec), **subject.labels(trial.spec)}
    client.log_batch(key, params=[Param(safe_key(name), str(value)) for name, value in values.items()])
    metrics = [
        Metric(safe_key(name), value, end, epoch)
        for epoch, told in subject.points(trial)
        for name, value in told.items()
    ]
    last = len(trial.outcome.curve)
    results = {**trial.outcome.metrics, "search loss": trial.outcome.score, "seconds": trial.outcome.seconds}
    metrics += [Metric(safe_key(name), float(value), end, last) for name, value in results.items()]
    for first in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(key, metrics=metrics[first : first + _METRICS_AT_ONCE])
    client.set_terminated(key, _DONE, end_time=end)


def _add_study(client: MlflowClient, experiment: str, subject: Subject, run: Run | None) -> str:
    """The study as a run of its own with its files, anew if its result is another one by now; what was done is said."""
    from mlflow.entities import Param

    record, result = subject.study.record, subject.study.result
    if result is None:
        return "the study has no result yet: its verdict, files and adapter come when it has"
    digest = sha256_of_bytes(result.to_json())
    if run is not None and run.data.tags.get(_RESULT) != digest:
        client.delete_run(run.info.run_id)
        run = None
    if _is_done(client, run):
        return "its verdict, files and adapter were there"
    start, tags = int(1000 * record.created), {**summary(subject), _RESULT: digest}
    made = client.create_run(experiment, start_time=start, run_name=f"study {record.name}", tags=tags)
    key = made.info.run_id
    settings = {name: json.dumps(value) for name, value in subject.study.settings.items()}
    client.log_batch(key, params=[Param(safe_key(name), value[:_LONGEST]) for name, value in settings.items()])
    for name, value in {**(result.quality.test if result.quality else {}), "parameters": result.cost}.items():
        client.log_metric(key, safe_key(f"found plan/{name}"), float(value))
    _log_text(client, key, "verdict.json", json.dumps(result.verdict_json(), indent=2))
    _log_text(client, key, "trials.jsonl", "".join(f"{json.dumps(_row(trial))}\n" for trial in subject.study.trials))
    report = subject.folder / "report.html"
    if report.is_file():
        client.log_artifact(key, str(report))
    note = _register(client, key, subject)
    client.set_terminated(key, _DONE, end_time=start + int(1000 * result.seconds))
    return note


def _log_text(client: MlflowClient, run: str, name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        client.log_artifact(run, str(path))


def _row(trial: Trial) -> Mapping[str, object]:
    outcome = trial.outcome
    return {"trial": trial.id, **trial.spec.as_json(), "score": outcome.score, "metrics": dict(outcome.metrics)}


def _register(client: MlflowClient, run: str, subject: Subject) -> str:
    """The exported adapter as a version of a registered model, if the folder has the study's own."""
    from mlflow.exceptions import MlflowException

    adapter = subject.folder / "adapter"
    try:
        manifest = read_manifest(adapter)
    except AdapterError as error:
        return f"no adapter was registered: {error}"
    if manifest.about.get("study") != subject.study.record.id:
        return f"no adapter was registered: that in {adapter} is of another study"
    client.log_artifacts(run, str(adapter), "adapter")
    name = f"darse-{folder_name(subject.study.record.name)}"
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name='{name}'"):
        if version.tags.get(_STUDY) == subject.study.record.id:  # of a run that was made anew
            client.delete_model_version(name, version.version)
    source = f"{client.get_run(run).info.artifact_uri}/adapter"
    version = client.create_model_version(name, source, run_id=run, tags={_STUDY: subject.study.record.id})
    return f"its adapter is version {version.version} of the registered model {name}"
