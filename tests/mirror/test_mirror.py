"""Mirrors against the real packages: everything arrives once, without a network, and a missing package is one line."""

from __future__ import annotations

import importlib
import shutil
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from darse.analysis.studied import Studied, read_study
from darse.cli.main import run
from darse.mirror.subject import safe_key
from darse.search.history import is_run
from darse.store.open import open_study_store
from tests.conftest import SmallStudy


@pytest.fixture(scope="module")
def folder(small_study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small study, whose mirrors lie in it."""
    place = tmp_path_factory.mktemp("mirrored") / "out"
    shutil.copytree(small_study.folder, place)
    return place


@pytest.fixture(scope="module")
def study(folder: Path) -> Iterator[Studied]:
    with open_study_store(folder) as store:
        yield read_study(store, store.studies()[0])


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"something asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def mirrored(folder: Path, to: str, capsys: pytest.CaptureFixture[str]) -> str:
    if find_spec(to) is None:  # not imported: trackio reads its folder when it is
        pytest.skip(f"{to} is not installed")
    capsys.readouterr()
    assert run(["mirror", str(folder), "--to", to]) == 0
    return capsys.readouterr().out


def test_optuna_has_every_trial_once_and_its_importances_work(
    folder: Path, study: Studied, capsys: pytest.CaptureFixture[str]
) -> None:
    amount = len(study.trials) + len(study.failures)
    assert f"{amount} trials added, 0 trials there before" in mirrored(folder, "optuna", capsys)
    assert f"0 trials added, {amount} trials there before" in mirrored(folder, "optuna", capsys)
    import optuna

    address = f"sqlite:///{folder / 'optuna.db'}"
    (summary,) = optuna.get_all_study_summaries(address)
    there = optuna.load_study(study_name=summary.study_name, storage=address)
    by_trial = {trial.user_attrs["darse.trial"]: trial for trial in there.trials}
    assert set(by_trial) == {trial.id for trial in study.trials}
    for trial in study.trials:
        found = by_trial[trial.id]
        assert found.value == trial.outcome.score
        assert [found.params[f"rank layer {place}"] for place in range(4)] == list(trial.spec.plan)
        assert found.intermediate_values == {point.epoch: point.score for point in trial.outcome.curve}
    assert there.best_value == min(trial.outcome.score for trial in study.trials)
    importances = optuna.importance.get_param_importances(there)
    assert set(importances) == {*(f"rank layer {place}" for place in range(4)), "learning rate", "epochs"}
    assert study.result is not None
    assert there.user_attrs["darse.verdict"] == study.result.verdict.verdict


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow with SQLAlchemy 2.1
def test_mlflow_has_every_run_the_verdict_the_files_and_the_adapter_once(
    folder: Path, study: Studied, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [trial for trial in study.trials if is_run(trial.spec)]
    told = mirrored(folder, "mlflow", capsys)
    assert f"{len(runs)} trials added, 0 trials there before" in told
    assert "its adapter is version 1 of the registered model darse-out" in told
    from mlflow import MlflowClient

    address = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=address, registry_uri=address)
    (experiment,) = client.search_experiments(filter_string="name LIKE 'darse-%'")
    half = client.search_runs([experiment.experiment_id], f"tags.`darse.trial` = '{runs[0].id}'")[0]
    client.update_run(half.info.run_id, status="RUNNING")  # as one whose mirror was killed
    again = mirrored(folder, "mlflow", capsys)
    assert f"1 trial added, {len(runs) - 1} trials there before" in again
    assert "its verdict, files and adapter were there" in again
    found = {one.data.tags.get("darse.trial"): one for one in client.search_runs([experiment.experiment_id])}
    assert set(found) == {None, *(trial.id for trial in runs)}
    for trial in runs:
        metrics = found[trial.id].data.metrics
        assert metrics["search loss"] == pytest.approx(trial.outcome.score)
        assert found[trial.id].data.params["rank layer 0"] == str(trial.spec.plan[0])
        last = client.get_metric_history(found[trial.id].info.run_id, "train loss")
        assert [one.step for one in last] == [point.epoch for point in trial.outcome.curve]
    whole = found[None]
    assert study.result is not None
    assert whole.data.tags["darse.verdict"] == study.result.verdict.verdict
    names = {one.path for one in client.list_artifacts(whole.info.run_id)}
    assert names == {"verdict.json", "trials.jsonl", "report.html", "adapter"}
    (version,) = client.search_model_versions("name='darse-out'")
    files = {Path(one.path).name for one in client.list_artifacts(version.run_id, "adapter")}
    assert {"darse.json", "adapter_config.json", "adapter_model.safetensors"} <= files


def test_trackio_has_every_run_epoch_by_epoch_once(
    folder: Path, study: Studied, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_SERVER_URL", "https://example.org/")  # nothing is sent there
    runs = [trial for trial in study.trials if is_run(trial.spec)]
    assert f"{len(runs)} trials added, 0 trials there before" in mirrored(folder, "trackio", capsys)
    assert list((folder / "trackio").glob("*.db"))
    storage = importlib.import_module("trackio.sqlite_storage").SQLiteStorage
    (project,) = storage.get_projects()
    first = runs[0].id[:16]
    for one in importlib.import_module("trackio").Api().runs(project):
        if one.name == first:
            one.delete()
    storage.bulk_log(project, first, [{"train loss": 9.0}])  # as one whose mirror was killed
    assert f"1 trial added, {len(runs) - 1} trials there before" in mirrored(folder, "trackio", capsys)
    assert f"0 trials added, {len(runs)} trials there before" in mirrored(folder, "trackio", capsys)
    assert set(storage.get_runs(project)) == {trial.id[:16] for trial in runs}
    for trial in runs:
        entries = storage.get_logs(project, trial.id[:16])
        assert entries[-1]["search loss"] == pytest.approx(trial.outcome.score)
        losses = [entry["train loss"] for entry in entries if "train loss" in entry]
        assert losses == pytest.approx([point.train_loss for point in trial.outcome.curve])
        updates = [value for entry in entries for name, value in entry.items() if name.startswith("update/layer")]
        assert bool(updates) == any(trial.spec.plan)
        assert all(value > 0 for value in updates)


@pytest.mark.parametrize(
    ("tool", "package"), [("optuna", "optuna"), ("mlflow", "mlflow-skinny"), ("trackio", "trackio")]
)
def test_a_package_that_is_missing_is_one_line_that_names_the_extra(
    tool: str, package: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = importlib.import_module(f"darse.mirror.to_{tool}")
    monkeypatch.setattr(home, "find_spec", lambda name: None)
    assert run(["mirror", str(folder), "--to", tool]) == 2
    told = capsys.readouterr().err
    assert (
        f"{package} is not installed; run: pip install {package} (in the repository: pip install '.[{tool}]')" in told
    )
    assert told.count("\n") == 1


def test_a_tool_has_to_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mirror", str(folder)]) == 2
    assert "--to says where: optuna, mlflow, trackio" in capsys.readouterr().err


def test_a_storage_that_cannot_be_used_is_one_line_without_its_password(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    address = "postgresql://ann:s3cret@nowhere.invalid:9/x?password=s3cret"
    assert run(["mirror", str(folder), "--to", "optuna", "--address", address]) == 3
    told = capsys.readouterr().err
    assert "optuna at postgresql://***@nowhere.invalid:9/x?*** cannot be used" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("name", ["layer 3", "a\nb", "<script>", "", "x" * 1000, "\u202e"])
def test_names_are_safe_everywhere(name: str) -> None:
    found = safe_key(name)
    assert found
    assert len(found) <= 200
    assert found.isascii()
    assert found.isprintable()


def test_trackio_that_writes_elsewhere_already_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrored(folder, "trackio", capsys)
    assert run(["mirror", str(folder), "--to", "trackio", "--address", str(tmp_path)]) == 2
    assert f"trackio was loaded before and writes to {folder / 'trackio'}" in capsys.readouterr().err
