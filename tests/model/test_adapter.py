from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification

from darse.errors import InputError, PlanError
from darse.model.adapter import plan_config, write_adapter
from darse.model.base import find_base
from darse.model.loading import quiet
from darse.model.manifest import MANIFEST, read_manifest
from tests.tiny import save_model

from .samples import ALPHA, CLASSES, JOINT, Setup, new_setup, random_weights, set_up


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """Twelve layers: names such as layer.1 and layer.11 are there."""
    return set_up(save_model("bert", tmp_path_factory.mktemp("adapter") / "bert", depth=12), CLASSES)


@pytest.fixture
def peft_speaks() -> Iterator[None]:
    """PEFT asks transformers for a deprecated name; neither is ours to change."""
    with warnings.catch_warnings(), quiet():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


def plain_model(setup: Setup) -> torch.nn.Module:
    model: torch.nn.Module = AutoModelForSequenceClassification.from_pretrained(
        setup.base.folder, num_labels=setup.task.outputs
    )
    return model


@pytest.mark.usefixtures("peft_speaks")
def test_a_plan_makes_a_config_with_which_plain_peft_trains_its_ranks_and_scalings(deep: Setup) -> None:
    ranks = {weight.name: 1 + (index * 5) % 8 for index, weight in enumerate(deep.weights) if index % 7}
    config = plan_config(ranks, alpha=ALPHA, base_name=str(deep.base.folder), head=["classifier"])
    model = get_peft_model(plain_model(deep), config)
    found = {
        name.removeprefix("base_model.model."): module
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }
    assert {name: module.r["default"] for name, module in found.items()} == ranks
    for name, module in found.items():
        assert module.scaling["default"] == pytest.approx(ALPHA / math.sqrt(ranks[name]), rel=1e-12)
    trainable = {name for name, value in model.named_parameters() if value.requires_grad}
    assert len(trainable) == 2 * len(ranks) + 2
    assert all("lora_" in name or "modules_to_save" in name for name in trainable)


@pytest.mark.usefixtures("peft_speaks")
def test_layer_1_and_layer_11_keep_ranks_of_their_own_through_saving_and_loading(deep: Setup, tmp_path: Path) -> None:
    ranks = deep.ranks(0, 5, 2, 0, 0, 0, 0, 0, 0, 0, 3, 1)
    config = plan_config(ranks, alpha=ALPHA, base_name=str(deep.base.folder), head=["classifier"])
    get_peft_model(plain_model(deep), config).save_pretrained(tmp_path / "peft")
    again = PeftModel.from_pretrained(plain_model(deep), tmp_path / "peft")
    found = {
        name.removeprefix("base_model.model."): (module.r["default"], module.scaling["default"])
        for name, module in again.named_modules()
        if hasattr(module, "lora_A")
    }
    assert found == {name: (rank, pytest.approx(ALPHA / math.sqrt(rank))) for name, rank in ranks.items()}


def test_every_pattern_is_an_escaped_full_name_that_matches_its_module_alone(deep: Setup) -> None:
    ranks = deep.ranks(*range(1, 13))
    config = plan_config(ranks, alpha=ALPHA, base_name="anything", head=["classifier"])
    modules = [name for name, _ in deep.model.named_modules()]
    assert config.rank_pattern.keys() == config.alpha_pattern.keys() == {re.escape(name) for name in ranks}
    assert config.target_modules == set(ranks)
    for name in ranks:
        matching = [one for one in modules if re.match(rf"(.*\.)?({re.escape(name)})$", one)]
        assert matching == [name]


def test_a_plan_of_zeros_has_no_config() -> None:
    with pytest.raises(PlanError, match="train the head alone"):
        plan_config({}, alpha=ALPHA, base_name="anything", head=[])


def test_a_padded_export_has_one_rank_no_patterns_and_a_scaling_of_one(tmp_path: Path) -> None:
    setup = new_setup("roberta", tmp_path / "roberta", JOINT)
    weights = random_weights(setup, setup.ranks(0, 4, 1, 0))
    write_adapter(setup.export(weights), tmp_path / "padded", "padded")
    config = LoraConfig.from_pretrained(tmp_path / "padded")
    assert (config.r, config.lora_alpha, config.rank_pattern, config.alpha_pattern) == (4, 4, {}, {})
    assert config.target_modules == {weight.name for weight in setup.weights}


@pytest.mark.parametrize("profile", ["native", "padded", "merged"])
def test_the_manifest_lists_every_file_and_no_pickle_is_written(profile: str, tmp_path: Path) -> None:
    setup = new_setup("gpt2", tmp_path / "gpt2", CLASSES)
    weights = random_weights(setup, setup.ranks(0, 4, 1, 0))
    place = tmp_path / "out"
    write_adapter(setup.export(weights), place, profile, card="# card")  # type: ignore[arg-type]  # from a parameter
    names = {path.name for path in place.iterdir()}
    manifest = read_manifest(place)
    assert set(manifest.files) == names - {MANIFEST}
    assert {Path(name).suffix for name in names} <= {".json", ".md", ".safetensors"}
    assert (manifest.profile, manifest.base_digest, manifest.about) == (profile, setup.base.digest, {"plan": [1, 2, 3]})


def test_an_earlier_export_is_replaced_as_a_whole_and_anything_else_is_not(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", CLASSES)
    export = setup.export(random_weights(setup, setup.ranks(1, 0, 0, 0)))
    write_adapter(export, tmp_path / "out", "merged")
    write_adapter(export, tmp_path / "out", "native")
    assert not (tmp_path / "out" / "model.safetensors").exists()
    read_manifest(tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is no earlier export"):
        write_adapter(export, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    setup = new_setup("bert", tmp_path / "bert", CLASSES)
    export = setup.export(random_weights(setup, setup.ranks(1, 2, 0, 3)))
    for name in ("one", "two"):
        write_adapter(export, tmp_path / name)
    manifests = [json.loads((tmp_path / name / MANIFEST).read_text()) for name in ("one", "two")]
    assert manifests[0] == manifests[1]
    assert find_base(str(tmp_path / "bert")).digest == manifests[0]["base"]["sha256"]
