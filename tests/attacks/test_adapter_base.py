"""I7: a hostile or broken base-model folder is one `ModelError` line, and nothing in it ever runs."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 - a canary: it is written here and never to be read
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from darse.errors import ModelError
from darse.model.base import find_base
from tests.model.damage import Canary
from tests.model.samples import CLASSES
from tests.tiny import save_model

Harm = Callable[[Path], object]
DEADLINE_S = 5.0


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("bert", tmp_path_factory.mktemp("base") / "bert")


def config(**values: object) -> Harm:
    """Change config.json."""
    return lambda folder: _edit(folder / "config.json", values)


def tokenizer_config(**values: object) -> Harm:
    """Change tokenizer_config.json."""
    return lambda folder: _edit(folder / "tokenizer_config.json", values)


def content(name: str, value: bytes) -> Harm:
    """Replace a file."""
    return lambda folder: (folder / name).write_bytes(value)


def tokenizer(**values: object) -> Harm:
    """Change tokenizer.json."""
    return lambda folder: _edit(folder / "tokenizer.json", values)


def _edit(path: Path, values: dict[str, object]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _code(folder: Path) -> None:
    """Code that would leave the canary behind on import."""
    canary = str(folder.parent / "canary")
    (folder / "evil.py").write_text(f"import os\nos.mkdir({canary!r})\nclass Model: pass\nclass Tokenizer: pass\n")


def only_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Canary(folder.parent / "canary")))


def a_pickle_named_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Canary(folder.parent / "canary")))


def a_torch_archive_named_safetensors(folder: Path) -> None:
    torch.save(Canary(folder.parent / "canary"), folder / "model.safetensors")


def a_pickle_behind_the_weights(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(pickle.dumps(Canary(folder.parent / "canary")))


def a_pickle_in_the_index(folder: Path) -> None:
    names = load_file(folder / "model.safetensors").keys()
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Canary(folder.parent / "canary")))
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "pytorch_model.bin")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def a_shard_elsewhere(folder: Path) -> None:
    names = load_file(folder / "model.safetensors").keys()
    shutil.copy(folder / "model.safetensors", folder.parent / "outside.safetensors")
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "../outside.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def model_code(folder: Path) -> None:
    _code(folder)
    _edit(folder / "config.json", {"auto_map": {"AutoModelForSequenceClassification": "evil.Model"}})


def config_code(folder: Path) -> None:
    _code(folder)
    _edit(folder / "config.json", {"auto_map": {"AutoConfig": "evil.Model"}, "model_type": "evil"})


def tokenizer_code(folder: Path) -> None:
    _code(folder)
    _edit(folder / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}})


def tokenizer_code_as_a_list(folder: Path) -> None:
    _code(folder)
    _edit(folder / "tokenizer_config.json", {"auto_map": ["evil.Tokenizer", None], "tokenizer_class": "Evil"})


def an_adapter_beside(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "evil/model"}')
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Canary(folder.parent / "canary")))


def weights_of(folder: Path, value: float) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 2 and "layer" in name)
    tensors[name][0, 0] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def a_token(folder: Path, number: int) -> None:
    values = json.loads((folder / "tokenizer.json").read_text())
    values["model"]["vocab"]["unheard"] = number
    (folder / "tokenizer.json").write_text(json.dumps(values))


def a_pipe(name: str) -> Harm:
    """A pipe that nobody writes to."""

    def harm(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return harm


HARMS: Mapping[str, Harm] = {
    "only a pickle": only_a_pickle,
    "a pickle named safetensors": a_pickle_named_safetensors,
    "a torch archive named safetensors": a_torch_archive_named_safetensors,
    "a pickle behind the weights": a_pickle_behind_the_weights,
    "a pickle in the index": a_pickle_in_the_index,
    "a shard elsewhere": a_shard_elsewhere,
    "code of a model": model_code,
    "code of a config": config_code,
    "code of a tokenizer": tokenizer_code,
    "code of a tokenizer as a list": tokenizer_code_as_a_list,
    "an adapter beside": an_adapter_beside,
    "a kernel from elsewhere": config(_attn_implementation="evil/kernel"),
    "a kernel from elsewhere, openly": config(attn_implementation="evil/kernel:run"),
    "experts from elsewhere": config(experts_implementation="evil/kernel"),
    "weights by another name": config(transformers_weights="../outside.bin"),
    "quantised weights": config(quantization_config={"quant_method": "evil"}),
    "no config": lambda folder: (folder / "config.json").unlink(),
    "an empty config": content("config.json", b""),
    "a config of garbage": content("config.json", b"\x80\x04\x95"),
    "a list for a config": content("config.json", b"[]"),
    "null for a config": content("config.json", b"null"),
    "a deep config": content("config.json", b"[" * 200_000),
    "a long number": content("config.json", b'{"hidden_size": ' + b"9" * 5000 + b"}"),
    "a pipe for a config": a_pipe("config.json"),
    "a pipe for the weights": a_pipe("model.safetensors"),
    "an unknown kind": config(model_type="evil"),
    "no kind": config(model_type=None),
    "a kind that is a list": config(model_type=[]),
    "a kind without text": config(model_type="vit"),
    "a width in words": config(hidden_size="x"),
    "a width below zero": config(hidden_size=-1),
    "a width that is no multiple": config(num_attention_heads=3),
    "a width without end": config(hidden_size=10**8),
    "a vocabulary without end": config(vocab_size=10**9),
    "layers without end": config(num_hidden_layers=10**9),
    "labels without end": config(num_labels=10**9),
    "another width": config(hidden_size=32),
    "more layers": config(num_hidden_layers=5),
    "weights that are no numbers": lambda folder: weights_of(folder, float("nan")),
    "weights without end": lambda folder: weights_of(folder, float("inf")),
    "a norm that is no number": config(layer_norm_eps=float("nan")),
    "heads below zero": config(num_attention_heads=-2),
    "pieces that do not fit": config(chunk_size_feed_forward=7),
    "a token beyond the vocabulary": lambda folder: a_token(folder, 5000),
    "a token beyond every vocabulary": lambda folder: a_token(folder, 4294967295),
    "no activation": config(hidden_act="evil"),
    "cut weights": lambda folder: os.truncate(folder / "model.safetensors", 20_000),
    "empty weights": content("model.safetensors", b""),
    "a header that lies": content("model.safetensors", (1 << 62).to_bytes(8, "little") + b"{}"),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "a tokenizer of garbage": content("tokenizer.json", b"\x80\x04\x95"),
    "a deep tokenizer": content("tokenizer.json", b"[" * 200_000),
    "a cut tokenizer": lambda folder: os.truncate(folder / "tokenizer.json", 300),
    "a tokenizer of another kind": tokenizer(model={"type": "Evil"}),
    "a tokenizer without a model": tokenizer(model=None),
    "a tokenizer of another version": tokenizer(version="9.9"),
    "a tokenizer config of garbage": content("tokenizer_config.json", b"\x00"),
    "a list for a tokenizer config": content("tokenizer_config.json", b"[]"),
    "texts of no length": tokenizer_config(model_max_length=0),
    "texts of a length that is no number": tokenizer_config(model_max_length="many"),
    "a pad token that is a number": tokenizer_config(pad_token=7),
}


@pytest.mark.parametrize("name", HARMS)
def test_a_hostile_or_broken_model_folder_is_refused_and_runs_nothing(good: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(good, folder)
    HARMS[name](folder)
    with pytest.raises(ModelError) as caught:
        find_base(str(folder)).classifier(CLASSES)
    assert not (tmp_path / "canary").exists()
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    assert len(message) < 500


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            "/",
            "a\0b",
            "x" * 5000,
            "a/b/c",
            "../up",
            "./gone",
            "/gone/model",
            "C:\\models\\x",
            "\\\\host\\x",
        ),
        *("http://evil.example/x", "file:///etc", "a b", "ä/ö", "\ud800", "a\nb", "~/model", "con", "-x/y", "x/y@main"),
        *("nobody/not-a-model", "not-a-model"),
    ],
)
def test_a_name_that_is_no_model_is_refused_quickly(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no test asks the network
    monkeypatch.chdir(tmp_path)
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        find_base(name)
    assert time.monotonic() - started < DEADLINE_S
    assert not any(ord(character) < 32 for character in str(caught.value))
    str(caught.value).encode()


def test_permission_to_run_code_has_to_be_given_and_is_then_passed_on(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(good, folder)
    _edit(folder / "config.json", {"auto_map": {"AutoModel": "own.Model"}})
    with pytest.raises(ModelError, match="allow it with --trust-remote-code"):
        find_base(str(folder))
    assert find_base(str(folder), trust_remote_code=True).trust_remote_code
