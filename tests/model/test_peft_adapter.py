"""Adapters of plain PEFT read from their files: the same update, and everything else refused with its reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from darse.errors import AdapterError, ModelError
from darse.model.peft_adapter import find_adapter, read_peft_adapter
from darse.model.peft_config import read_peft_config
from darse.model.peft_names import ADAPTER_FILE
from tests import plain_peft
from tests.tiny import save_model

_QUERY = "bert.encoder.layer.1.attention.self.query"
_ALL = ["query", "key", "value", "dense"]
_PATTERNS: dict[str, dict[str, object]] = {
    "plain": {},
    "rank-stabilised": {"use_rslora": True},
    "patterns by suffix": {"rank_pattern": {"query": 2, "value": 5}, "alpha_pattern": {"query": 3}},
    "a pattern by full name": {"alpha_pattern": {"^" + _QUERY: 7, "query": 3}, "use_rslora": True},
    "an escaped pattern": {"alpha_pattern": {r"1\.attention\.self\.query": 9}, "rank_pattern": {r"layer\.1\..*": 3}},
    "a dot that matches anything": {"alpha_pattern": {"self.query": 5, "1.attention.self.value": 1}},
    "the first of two patterns": {"alpha_pattern": {"value": 2, "self.value": 30}},
    "some layers alone": {"layers_to_transform": [0, 2], "layers_pattern": "layer"},
    "all linear maps": {"target_modules": _ALL, "modules_to_save": ["classifier", "pooler"]},
    "a rank above the weight": {"r": 40},
}
_KINDS = ("distilbert", "roberta", "llama", "gpt2")


@pytest.fixture(scope="module")
def bert(tiny_bert: Path) -> Path:
    return tiny_bert


def _delta(model: PeftModel, name: str) -> torch.Tensor:
    """What peft adds to a weight when it merges, shape (d_out, d_in)."""
    layer = model.base_model.model.get_submodule(name)
    update: torch.Tensor = layer.get_delta_weight("default")
    return update.T if layer.fan_in_fan_out else update


def _assert_reads_the_same(base: Path, model: PeftModel, folder: Path) -> None:
    adapter = read_peft_adapter(plain_peft.save(model, folder))
    # peft sorts patterns when it saves them, so what it reloads can differ from what was trained
    model = plain_peft.reloaded(base, folder, 3)
    adapted = {name for name, module in model.base_model.model.named_modules() if hasattr(module, "lora_A")}
    assert adapter.pairs.keys() == adapted
    assert not adapter.left_out
    for name, pair in adapter.pairs.items():
        ours = pair.up @ pair.down
        assert (ours - _delta(model, name)).abs().max() <= 1e-5 * max(1.0, float(ours.abs().max()))


@pytest.mark.parametrize("name", _PATTERNS)
def test_update_is_what_peft_would_merge(name: str, bert: Path, tmp_path: Path) -> None:
    lora = plain_peft.config("bert", **_PATTERNS[name])
    _assert_reads_the_same(bert, plain_peft.randomised(plain_peft.get_model(bert, lora, 3)), tmp_path / "a")


@pytest.mark.parametrize("kind", _KINDS)
def test_update_is_what_peft_would_merge_on_other_architectures(kind: str, tmp_path: Path) -> None:
    base = save_model(kind, tmp_path / "base")
    lora = plain_peft.config(kind, alpha_pattern={plain_peft.TARGETS[kind][0]: 5}, use_rslora=True)
    _assert_reads_the_same(base, plain_peft.randomised(plain_peft.get_model(base, lora, 3)), tmp_path / "a")


def test_half_precision_is_read_as_it_is_stored(bert: Path, tmp_path: Path) -> None:
    model = plain_peft.randomised(plain_peft.get_model(bert, plain_peft.config("bert"), 3)).to(torch.bfloat16)
    adapter = read_peft_adapter(plain_peft.save(model, tmp_path / "a"))
    assert all(pair.up.dtype == torch.float32 for pair in adapter.pairs.values())


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"use_dora": True}, "use_dora: DoRA scales every row of the weights as well"),
        ({"lora_bias": True}, "lora_bias: its pairs have a bias of their own"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights 'pissa', which changes the base weights too"),
    ],
)
def test_what_is_no_plain_pair_is_refused_with_the_reason(
    extra: dict[str, object], said: str, bert: Path, tmp_path: Path
) -> None:
    model = plain_peft.get_model(bert, plain_peft.config("bert", **extra), 3)
    with pytest.raises(AdapterError, match=said):
        read_peft_adapter(plain_peft.save(model, tmp_path / "a"))


def test_lora_on_an_embedding_is_left_out_and_named(bert: Path, tmp_path: Path) -> None:
    lora = plain_peft.config("bert", target_modules=["query", "word_embeddings"])
    adapter = read_peft_adapter(plain_peft.save(plain_peft.get_model(bert, lora, 3), tmp_path / "a"))
    assert len(adapter.pairs) == 4
    assert any("lora_embedding_A" in name for name in adapter.left_out)


@pytest.fixture(scope="module")
def whole(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = plain_peft.randomised(plain_peft.get_model(bert, plain_peft.config("bert"), 3))
    return plain_peft.save(model, tmp_path_factory.mktemp("whole") / "a")


def _config(**values: object) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return harm


def _tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        table = load_file(folder / ADAPTER_FILE)
        change(table)
        save_file(table, folder / ADAPTER_FILE)

    return harm


def _first(table: dict[str, torch.Tensor], ending: str) -> str:
    return next(name for name in sorted(table) if name.endswith(ending))


def _pickled(folder: Path) -> None:
    (folder / ADAPTER_FILE).rename(folder / "adapter_model.bin")


def _cut_short(folder: Path) -> None:
    path = folder / ADAPTER_FILE
    path.write_bytes(path.read_bytes()[:-100])


def _piped(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()
    os.mkfifo(folder / "adapter_config.json")


def _nan(table: dict[str, torch.Tensor]) -> None:
    table[_first(table, "lora_B.weight")][0, 0] = float("nan")


def _renamed(table: dict[str, torch.Tensor]) -> None:
    table["evil\x1b[31m.lora_A.weight"] = torch.zeros(1, 1)


def _torn(table: dict[str, torch.Tensor]) -> None:
    name = _first(table, "lora_A.weight")
    table[name] = table[name][:3].contiguous()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_pickled, "is a pickle, which can run code"),
        (_cut_short, "cannot be read"),
        (_piped, "no regular file"),
        (lambda folder: (folder / ADAPTER_FILE).unlink(), "has no adapter_model.safetensors"),
        (lambda folder: (folder / "adapter_config.json").write_bytes(b"[" * 100_000), "missing or damaged"),
        (lambda folder: (folder / "adapter_config.json").write_bytes(b"[]"), "no JSON object"),
        (_config(peft_type="LOHA"), "of type 'LOHA'; only LORA"),
        (_config(lora_alpha="much"), "damaged"),
        (_config(alpha_pattern={"(a+)+$": 1}), "is no plain name"),
        (_config(alpha_pattern={"a" * 600: 1}), "is no plain name"),
        (_config(alpha_pattern={str(number): 1 for number in range(5000)}), "damaged"),
        (_config(layer_replication=[[0, 2]]), "stacks layers"),
        (_tensors(_nan), "not finite"),
        (_tensors(_renamed), "which peft would not name so"),
        (_tensors(_torn), "do not fit together"),
        (_tensors(lambda table: table.pop(_first(table, "lora_A.weight"))), "half of the pair"),
        (_tensors(lambda table: [table.pop(name) for name in list(table) if "lora_" in name]), "no low-rank pair"),
    ],
)
def test_a_damaged_or_hostile_folder_is_one_clear_line(
    harm: Callable[[Path], None], said: str, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    harm(folder)
    with pytest.raises(AdapterError) as caught:
        read_peft_adapter(find_adapter(str(folder)))
    told = str(caught.value)
    assert said in told
    assert str(folder) in told
    assert told.isprintable()
    assert len(told) < 600


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="there is no such folder"):
        find_adapter(str(tmp_path / "none"))


@pytest.mark.parametrize("name", ["a" * 5000, "no\0file", "no spaces allowed"])
def test_a_name_that_nothing_can_have_is_said(name: str) -> None:
    with pytest.raises(ModelError, match="neither a local folder nor a PEFT adapter"):
        find_adapter(name)


def test_labels_of_the_config_are_read_in_their_order(whole: Path, tmp_path: Path) -> None:
    values = json.loads((whole / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(values | {"id2label": {"1": "good", "0": "bad"}}))
    assert read_peft_config(tmp_path).labels == ("bad", "good")
