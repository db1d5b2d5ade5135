"""R14: a damaged, incomplete or forged adapter is refused with one line that names it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save, save_file

from darse.errors import AdapterError, ModelError
from darse.files import sha256_of_bytes
from darse.model.adapter import write_adapter
from darse.model.manifest import MANIFEST
from darse.model.peft_names import ADAPTER_FILE, CONFIG_FILE
from darse.model.reload import load_adapter
from darse.settings import Profile
from darse.train.checkpoint import CheckpointFile
from tests.model.damage import (
    DAMAGED,
    FORGED,
    flips_and_cuts,
    harm_copies,
    problem_of,
    seal_again,
    with_bytes,
    with_manifest,
)
from tests.model.samples import CLASSES, Setup, new_setup, random_weights

FILES = st.sampled_from([MANIFEST, CONFIG_FILE, ADAPTER_FILE])
PROGRESS = ["null", "[]", "7", "{}", '{"curve": 7}', "[" * 100_000, '{"curve": [], "evil": 1}']


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    return new_setup("bert", tmp_path_factory.mktemp("damage") / "bert", CLASSES)


def written(setup: Setup, folder: Path, profile: Profile = "native") -> Path:
    weights = random_weights(setup, setup.ranks(2, 0, 3, 1))
    write_adapter(setup.export(weights), folder, profile, card="# A card")
    return folder


@pytest.mark.parametrize("profile", ["native", "padded", "merged"])
def test_any_flipped_bit_and_any_cut_in_any_file_is_refused(setup: Setup, tmp_path: Path, profile: Profile) -> None:
    folder = written(setup, tmp_path / "adapter", profile)
    load_adapter(folder)
    assert list(flips_and_cuts(folder, flips=60, cuts=60)) == []
    load_adapter(folder)


def test_every_harm_is_refused_in_one_line_and_no_canary_runs(setup: Setup, tmp_path: Path) -> None:
    found = dict(harm_copies(written(setup, tmp_path / "adapter"), tmp_path / "copies"))
    assert found.keys() == DAMAGED.keys() | FORGED.keys()
    assert {name: problem for name, problem in found.items() if problem is not None} == {}


def test_sealing_again_alone_does_no_harm(setup: Setup, tmp_path: Path) -> None:
    folder = written(setup, tmp_path / "adapter")
    seal_again(folder)
    digest = load_adapter(folder).manifest.digest
    assert digest == sha256_of_bytes((folder / MANIFEST).read_bytes())


def test_what_the_system_or_the_hub_leaves_beside_is_no_harm(setup: Setup, tmp_path: Path) -> None:
    folder = written(setup, tmp_path / "adapter")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs")
    (folder / ".cache").mkdir()
    load_adapter(folder)


def test_another_base_of_the_same_shape_is_refused(setup: Setup, tmp_path: Path) -> None:
    folder = written(setup, tmp_path / "adapter")
    other = tmp_path / "other"
    shutil.copytree(setup.base.folder, other)
    values = load_file(other / "model.safetensors")
    values["embeddings.word_embeddings.weight"][0, 0] += 1e-3
    save_file(values, other / "model.safetensors", metadata={"format": "pt"})
    assert problem_of(folder, str(other)) is None
    with pytest.raises(AdapterError, match="give the right one with --base"):
        load_adapter(folder, base=str(other))


def test_a_base_that_is_gone_is_an_error_of_the_base(setup: Setup, tmp_path: Path) -> None:
    folder = written(setup, tmp_path / "adapter")
    with pytest.raises(ModelError, match="is neither a local folder"):
        load_adapter(folder, base=str(tmp_path / "gone"))


@pytest.mark.parametrize("harm", ["nan", "layer less", "auto_map", "adapter", "other task", "garbage config"])
def test_a_forged_merged_model_is_refused(setup: Setup, tmp_path: Path, harm: str) -> None:
    folder = written(setup, tmp_path / "adapter", "merged")
    values = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    if harm == "nan":
        values["bert.embeddings.word_embeddings.weight"][5, 5] = torch.nan
    elif harm == "layer less":
        values = {name: value for name, value in values.items() if ".layer.2." not in name}
    elif harm == "auto_map":
        config["auto_map"] = {"AutoModelForSequenceClassification": "evil.Model"}
    elif harm == "adapter":
        (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/model", "peft_type": "LORA"}')
    save_file(values, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text("{" if harm == "garbage config" else json.dumps(config))
    seal_again(folder)
    if harm == "other task":
        with_manifest(task={"classes": ["a", "b"]})(folder)
    assert problem_of(folder) is None


def test_a_folder_replaced_while_it_is_read_is_refused(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(setup, tmp_path / "adapter")
    found = type(setup.base).classifier

    def slow_classifier(*given: object) -> object:
        other = random_weights(setup, setup.ranks(1, 1, 1, 1), seed=6)
        write_adapter(setup.export(other), folder)
        return found(*given)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(type(setup.base), "classifier", slow_classifier)
    with pytest.raises(AdapterError, match="was replaced while it was read"):
        load_adapter(folder)


@pytest.mark.parametrize("name", ["", " good ", "good\x1b[31m", "two\nlines", "\ud800", "hidden\u200b", "x" * 101])
def test_a_class_whose_name_no_study_gives_is_refused_in_one_line(setup: Setup, tmp_path: Path, name: str) -> None:
    folder = written(setup, tmp_path / "adapter")
    task = json.loads((folder / MANIFEST).read_text())["task"]
    with_manifest(task=task | {"classes": [name, *task["classes"][1:]]})(folder)
    with pytest.raises(AdapterError, match="the class ") as caught:
        load_adapter(folder)
    assert str(caught.value).isprintable()


@given(
    content=st.binary(max_size=300),
    name=FILES,
    is_sealed=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_for_any_file_are_refused(
    setup: Setup, tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, is_sealed: bool
) -> None:
    folder = written(setup, tmp_path_factory.mktemp("bytes") / "adapter")
    with_bytes(name, content, is_sealed=is_sealed and name != MANIFEST)(folder)
    assert problem_of(folder) is None
    shutil.rmtree(folder)


@given(content=st.binary(max_size=300), is_sealed=st.booleans())
def test_arbitrary_bytes_for_a_checkpoint_are_none(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, is_sealed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "checkpoint"
    path.write_bytes((sha256_of_bytes(content).encode() if is_sealed else b"") + content)
    assert CheckpointFile(path).load() is None


@pytest.mark.parametrize("progress", PROGRESS)
def test_forged_progress_of_a_checkpoint_is_none(tmp_path: Path, progress: str) -> None:
    body = save({}, metadata={"progress": progress})
    (tmp_path / "checkpoint").write_bytes(sha256_of_bytes(body).encode() + body)
    assert CheckpointFile(tmp_path / "checkpoint").load() is None
