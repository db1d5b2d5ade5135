from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from torch import nn

from darse.errors import ModelError, SettingsError
from darse.model.base import find_base
from darse.ranks.plan import Weight
from darse.ranks.sites import find_sites, find_weights, is_linear, is_transposed
from tests.model.samples import CLASSES
from tests.tiny import ARCHITECTURES, DEPTH, save_model

MODULES_PER_LAYER = {
    "bert": 6,
    "roberta": 6,
    "xlm-roberta": 6,
    "deberta-v2": 8,
    "deberta-v3": 6,
    "distilbert": 6,
    "modernbert": 4,
    "gpt2": 4,
    "llama": 7,
    "qwen2": 7,
    "qwen3": 7,
    "mistral": 7,
    "gemma": 7,
    "gemma2": 7,
}


Found = tuple[nn.Module, tuple[Weight, ...]]


def weights_of(kind: str, folder: Path, depth: int = DEPTH) -> Found:
    model = find_base(str(save_model(kind, folder, depth=depth))).classifier(CLASSES)
    return model, find_weights(model)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Found]:
    """Model and weights of every architecture."""
    root = tmp_path_factory.mktemp("models")
    return {kind: weights_of(kind, root / kind) for kind in ARCHITECTURES}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_sites_are_the_linear_maps_of_the_layers_with_their_true_shapes(
    found: Mapping[str, Found], kind: str
) -> None:
    model, weights = found[kind]
    assert len(weights) == DEPTH * MODULES_PER_LAYER[kind]
    for weight in weights:
        module = model.get_submodule(weight.name)
        assert is_linear(module)
        assert isinstance(module.weight, nn.Parameter)
        shape = tuple(module.weight.shape)
        assert (weight.d_out, weight.d_in) == (shape[::-1] if is_transposed(module) else shape)
    assert is_transposed(model.get_submodule(weights[0].name)) == (kind == "gpt2")


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("granularity", ["layer", "group:2", "group:3", "module"])
def test_every_weight_stands_in_exactly_one_site(found: Mapping[str, Found], kind: str, granularity: str) -> None:
    _, weights = found[kind]
    sites = find_sites(weights, granularity)
    assert sorted(weight.name for site in sites for weight in site.weights) == sorted(one.name for one in weights)
    assert len({site.name for site in sites}) == len(sites)
    lowest = [min(weight.layer for weight in site.weights) for site in sites]
    assert lowest == sorted(lowest)
    assert sum(site.unit_cost for site in sites) == sum(weight.unit_cost for weight in weights)


def test_layers_shared_over_depth_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="AlbertForSequenceClassification runs 4 layers on the weights of 1") as caught:
        weights_of("albert", tmp_path / "albert")
    assert "choose a model with separate layers" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(ModelError, match="Sequential has no repeated layers"):
        find_weights(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)))


def test_twelve_layers_are_told_apart_by_number_and_not_by_text(tmp_path: Path) -> None:
    _, weights = weights_of("bert", tmp_path / "bert", depth=12)
    sites = find_sites(weights)
    assert [site.name for site in sites] == [f"layer {index}" for index in range(12)]
    assert all(f".layer.{weight.layer}." in weight.name for site in sites for weight in site.weights)


@pytest.mark.parametrize("granularity", ["group:0", "group:", "group:-1", "layers", "", "group:１", "group:99999"])
def test_an_unknown_granularity_is_refused(granularity: str) -> None:
    with pytest.raises(SettingsError, match="use layer, module or group:N"):
        find_sites([Weight("l.0.q", 4, 4, 0)], granularity)


def test_a_group_larger_than_the_model_is_one_site() -> None:
    weights = [Weight(f"l.{layer}.q", 4, 4, layer) for layer in range(3)]
    assert [site.name for site in find_sites(weights, "group:9")] == ["layers 0-2"]
