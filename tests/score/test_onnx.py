"""A model in ONNX: it answers as the exact one does, or it is not made; and only where it answers so is it used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from darse.api import open_study
from darse.data.write import write_rows
from darse.errors import AdapterError, InputError, MissingExtraError, ModelError
from darse.model.manifest import MANIFEST, read_manifest, seal
from darse.score import agreement
from darse.score import onnx as onnx_room
from darse.score.onnx import MODEL_FILE, OnnxModel, load_onnx, make_fast
from darse.score.scorer import AdapterScorer
from darse.train.predict import predict
from tests.conftest import SmallStudy
from tests.labelled import labelled_rows
from tests.model.samples import JOINT, Setup, new_setup

TEXTS = [str(row["text"]) for row in labelled_rows(40, seed=8)]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    made = new_setup("gpt2", tmp_path_factory.mktemp("onnx") / "gpt2", replace(JOINT, score_low=-3.0, score_high=1.0))
    made.model.eval()
    return made


@pytest.fixture(scope="module")
def exported(small_study: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_study(small_study.folder).export(tmp_path_factory.mktemp("onnx") / "fast", "onnx")


def test_a_fast_model_agrees_on_the_rows_that_it_was_held_against(setup: Setup) -> None:
    fast = make_fast(setup.model, setup.task, setup.rows, setup.rows)
    assert fast.agreement.holds
    assert fast.agreement.rows == len(setup.rows)
    assert 0 <= fast.left_in_float <= fast.maps
    exact, found = predict(setup.model, setup.rows).numpy(), OnnxModel(fast.content).logits(setup.rows)
    np.testing.assert_array_equal(found[:, :2].argmax(1), exact[:, :2].argmax(1))
    assert np.abs(found[:, 2] - exact[:, 2]).mean() <= 0.01 * 2.0


def test_maps_stay_in_float_until_the_answers_agree(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_room, "_LEFT_IN_FLOAT", (0.0, 0.5))
    monkeypatch.setattr(agreement, "SCORE_DIFFERENCE", 1e-5)
    fast = make_fast(setup.model, setup.task, setup.rows, setup.rows)
    assert fast.left_in_float == fast.maps
    assert fast.agreement.holds


def test_a_model_that_does_not_agree_even_in_float_is_not_made(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_room, "_LEFT_IN_FLOAT", ())
    monkeypatch.setattr(agreement, "SCORE_DIFFERENCE", -1.0)
    with pytest.raises(ModelError, match=r"even in float32 \(100.00% of the labels equal"):
        make_fast(setup.model, setup.task, setup.rows, setup.rows)


def test_a_model_that_cannot_be_exported_says_so(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise torch.onnx.OnnxExporterError("no such operator\nmore")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ModelError, match=r"cannot be exported to ONNX: no such operator; use --profile merged"):
        make_fast(setup.model, setup.task, setup.rows, setup.rows)


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_its_extra(
    small_study: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(onnx_room, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(MissingExtraError, match=rf"^{missing} is not installed; .*\[onnx\].*--profile merged"):
        open_study(small_study.folder).export(tmp_path / "fast", "onnx")
    assert not (tmp_path / "fast").exists()


def test_without_the_runtime_the_same_folder_is_scored_by_torch(
    exported: Path, small_study: SmallStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = AdapterScorer.open(exported)
    monkeypatch.setattr(onnx_room, "find_spec", lambda name: None)
    exact = AdapterScorer.open(exported)
    assert fast.computing.name.startswith("onnxruntime")
    assert exact.computing.name == "torch"
    assert fast.digest != exact.digest  # what was kept of one is not taken for the other's
    native = AdapterScorer.open(small_study.folder / "adapter")
    for one, other in zip(exact.score(TEXTS), native.score(TEXTS), strict=True):
        assert one.label == other.label
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_the_manifest_tells_what_was_measured(exported: Path) -> None:
    facts = read_manifest(exported).about["onnx"]
    assert isinstance(facts, dict)
    assert facts["equal_labels"] >= 0.995
    assert facts["score_difference"] <= 0.01
    assert facts["rows"] > 0


def test_a_processor_that_gives_other_outputs_is_found_out(exported: Path, tmp_path: Path) -> None:
    folder = forged(exported, tmp_path, lambda facts: facts["probes"][0].__setitem__(0, facts["probes"][0][0] + 9.0))
    with pytest.raises(AdapterError, match=r"gives other outputs on this processor .*; export the adapter again here"):
        load_onnx(folder)


@pytest.mark.parametrize("probes", [None, [], "x", [[1.0]], [["x"]]])
def test_an_export_without_outputs_to_hold_it_against_is_refused(
    exported: Path, tmp_path: Path, probes: object
) -> None:
    folder = forged(exported, tmp_path, lambda facts: facts.update(probes=probes))
    with pytest.raises(AdapterError, match=r"export the adapter again"):
        load_onnx(folder)


@pytest.mark.parametrize("content", [b"", b"x", b"\x08\x0a", b"\x00" * 1000])
def test_what_is_no_onnx_file_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(AdapterError) as caught:
        OnnxModel(content)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", ["secret.bin", "../secret.bin", "/etc/passwd"])
def test_no_file_beside_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.ones(4, dtype=np.float32).tobytes())
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [4], np.ones(4, dtype=np.float32).tobytes(), raw=True)
    onnx.external_data_helper.set_external_data(tensor, place, offset=0, length=16)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [4])
    node = onnx.helper.make_node("Identity", ["w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [], [output], [tensor])
    with pytest.raises(AdapterError, match=r"asks for values from another file"):
        OnnxModel(onnx.helper.make_model(graph).SerializeToString())


def test_rows_that_have_changed_are_not_taken_for_those_of_the_study(small_study: SmallStudy, tmp_path: Path) -> None:
    study = open_study(small_study.folder)
    rows = labelled_rows(90, seed=3)
    other = tmp_path / "other.csv"
    write_rows(other, list(rows[0]), rows)
    gone = replace(study.result, origin=replace(study.result.origin, source=str(tmp_path / "gone.csv")))
    changed = replace(study.result, origin=replace(study.result.origin, source=str(other)))
    for result, reason in ((gone, "gone.csv"), (changed, "has changed since")):
        study.result = result
        with pytest.raises(InputError, match=rf"the rows that the study was trained on .*{reason}.*--data"):
            study.export(tmp_path / "fast", "onnx")
    folder = study.export(tmp_path / "fast", "onnx", data=other)
    assert (folder / MODEL_FILE).is_file()


def forged(exported: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy whose manifest was changed and sealed again."""
    copy = folder / "forged"
    copy.mkdir()
    for path in exported.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    values = json.loads((copy / MANIFEST).read_text())
    change(values["about"]["onnx"])
    values["seal"] = seal(values)
    (copy / MANIFEST).write_text(json.dumps(values))
    return copy
