"""R14: every way in which an exported adapter can be damaged or forged, and what has to become of it."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 - a canary: it is written here and never to be read
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from darse.errors import AdapterError
from darse.files import sha256_of_file
from darse.model.manifest import MANIFEST, seal
from darse.model.peft_names import ADAPTER_FILE, CONFIG_FILE
from darse.model.reload import load_adapter

Harm = Callable[[Path], None]
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Canary:
    """Makes a folder if it is ever unpickled."""

    path: Path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def problem_of(folder: Path, base: str | None = None) -> str | None:
    """Load a damaged adapter; None if it is refused with one line that names it, else what is wrong."""
    try:
        load_adapter(folder, base=base)
    except AdapterError as error:
        is_clear = "\n" not in str(error) and str(folder) in str(error) and len(str(error)) < 600
        return None if is_clear else f"unclear message: {error}"
    return "loaded as if nothing had happened"


def flips_and_cuts(folder: Path, *, flips: int, cuts: int, seed: int = 14) -> Iterator[str]:
    """Damage one file at a time, put it back afterwards; every damage that was not refused as it should be."""
    chance = random.Random(seed)
    names = sorted(path.name for path in folder.iterdir())
    for number in range(flips + cuts):
        path = folder / chance.choice(names)
        whole = path.read_bytes()
        if number < flips:
            bit = chance.randrange(8 * len(whole))
            damaged = bytearray(whole)
            damaged[bit // 8] ^= 1 << bit % 8
            what = f"{path.name}: bit {bit} flipped"
        else:
            size = chance.randrange(len(whole))
            damaged, what = bytearray(whole[:size]), f"{path.name}: cut to {size} bytes"
        path.write_bytes(damaged)
        if (problem := problem_of(folder)) is not None:
            yield f"{what}: {problem}"
        path.write_bytes(whole)


def seal_again(folder: Path) -> None:
    """Do as a forger would: make the manifest fit the files as they are now."""
    path = folder / MANIFEST
    values = json.loads(path.read_text())
    values["files"] = {one.name: sha256_of_file(one) for one in sorted(folder.iterdir()) if one.name != MANIFEST}
    path.write_text(json.dumps(values | {"seal": seal(values)}))


def with_tensors(change: Callable[[Tensors], object]) -> Harm:
    """Change the table of values and seal again."""

    def harm(folder: Path) -> None:
        tensors = load_file(folder / ADAPTER_FILE)
        change(tensors)
        save_file(tensors, folder / ADAPTER_FILE, metadata={"format": "pt"})
        seal_again(folder)

    return harm


def with_config(**values: object) -> Harm:
    """Change PEFT's config and seal again."""

    def harm(folder: Path) -> None:
        path = folder / CONFIG_FILE
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        seal_again(folder)

    return harm


def with_manifest(**values: object) -> Harm:
    """Change the manifest and seal it again, its list of files as given."""

    def harm(folder: Path) -> None:
        path = folder / MANIFEST
        changed = json.loads(path.read_text()) | values
        path.write_text(json.dumps(changed | {"seal": seal(changed)}))

    return harm


def with_bytes(name: str, content: bytes, *, is_sealed: bool) -> Harm:
    """Replace a file's content."""

    def harm(folder: Path) -> None:
        (folder / name).write_bytes(content)
        if is_sealed:
            seal_again(folder)

    return harm


def first(tensors: Tensors, ending: str) -> str:
    """The first value whose name ends so."""
    return next(name for name in sorted(tensors) if name.endswith(ending))


def poke(ending: str, value: float) -> Harm:
    """One number of one value."""

    def change(tensors: Tensors) -> None:
        tensors[first(tensors, ending)].view(-1)[0] = value

    return with_tensors(change)


def drop(*endings: str) -> Harm:
    """Leave values out."""

    def change(tensors: Tensors) -> None:
        for ending in endings:
            del tensors[first(tensors, ending)]

    return with_tensors(change)


def replace_value(ending: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Harm:
    """Another shape or kind of one value."""

    def change_table(tensors: Tensors) -> None:
        name = first(tensors, ending)
        tensors[name] = change(tensors[name]).contiguous()

    return with_tensors(change_table)


def link(folder: Path) -> None:
    """The values moved out, a link to them in their place."""
    shutil.move(folder / ADAPTER_FILE, folder.parent / "elsewhere")
    (folder / ADAPTER_FILE).symlink_to(folder.parent / "elsewhere")


def pickled(folder: Path) -> None:
    """A pickle under the name of the values, in a folder that is otherwise in order."""
    content = pickle.dumps({"base_model.model.classifier.weight": Canary(folder.parent / "canary")})
    with_bytes(ADAPTER_FILE, content, is_sealed=True)(folder)


def pickle_beside(folder: Path) -> None:
    """PEFT's fallback: a pickle in the place of safetensors."""
    (folder / ADAPTER_FILE).unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Canary(folder.parent / "canary")))
    seal_again(folder)


def a_folder_in_place(folder: Path) -> None:
    """A folder under the name of a file."""
    (folder / CONFIG_FILE).unlink()
    (folder / CONFIG_FILE).mkdir()


def a_pipe_in_place(folder: Path) -> None:
    """A pipe that nobody writes to, under the name of the manifest."""
    (folder / MANIFEST).unlink()
    os.mkfifo(folder / MANIFEST)


def no_file(name: str) -> Harm:
    """A file is gone."""
    return lambda folder: (folder / name).unlink()


DAMAGED: Mapping[str, Harm] = {
    "a file more": with_bytes("extra.json", b"{}", is_sealed=False),
    "a pickle more": with_bytes("adapter_model.bin", pickle.dumps(1), is_sealed=False),
    "a link": link,
    "a folder": a_folder_in_place,
    "a pipe": a_pipe_in_place,
    "no manifest": no_file(MANIFEST),
    "no values": no_file(ADAPTER_FILE),
    "no config": no_file(CONFIG_FILE),
    "no tokenizer": no_file("tokenizer.json"),
    "another config": with_bytes(CONFIG_FILE, b'{"r": 8}', is_sealed=False),
    "an empty manifest": with_bytes(MANIFEST, b"", is_sealed=False),
    "a huge manifest": with_bytes(MANIFEST, b" " * (5 << 20), is_sealed=False),
    "a deep manifest": with_bytes(MANIFEST, b"[" * 100_000, is_sealed=False),
    "a pickled manifest": with_bytes(MANIFEST, pickle.dumps({"format": 1}), is_sealed=False),
    "a manifest of text": with_bytes(MANIFEST, b'"format"', is_sealed=False),
    "a manifest in UTF-16": with_bytes(MANIFEST, '{"format": 1}'.encode("utf-16"), is_sealed=False),
    "a list for a manifest": with_bytes(MANIFEST, b"[]", is_sealed=False),
}
"""Harm that the digests or the shape of the folder give away."""

FORGED: Mapping[str, Harm] = {
    "a pickle": pickled,
    "a pickle beside": pickle_beside,
    "values of another format": with_bytes(ADAPTER_FILE, b"\xff" * 100, is_sealed=True),
    "a header that lies": with_bytes(ADAPTER_FILE, (1 << 62).to_bytes(8, "little") + b"{}", is_sealed=True),
    "not a number": poke(".lora_A.weight", float("nan")),
    "infinity": poke(".lora_B.weight", float("inf")),
    "not a number in the head": poke("classifier.bias", float("nan")),
    "half a pair": drop(".lora_B.weight"),
    "the other half": drop(".lora_A.weight"),
    "a pair less": drop(".lora_A.weight", ".lora_B.weight"),
    "a head's weight less": drop("classifier.weight"),
    "a head's bias less": drop("classifier.bias"),
    "another rank": replace_value(".lora_A.weight", lambda value: value[:1]),
    "another width": replace_value(".lora_A.weight", lambda value: value[:, :-1]),
    "another height": replace_value(".lora_B.weight", lambda value: value[:-1]),
    "a vector for a pair": replace_value(".lora_A.weight", lambda value: value.flatten()),
    "another head": replace_value("classifier.weight", lambda value: value[:-1]),
    "half precision": replace_value(".lora_A.weight", lambda value: value.half()),
    "integers": replace_value(".lora_A.weight", lambda value: value.long()),
    "a value more": with_tensors(lambda table: table.update({"base_model.model.bert.other": torch.ones(2)})),
    "a base weight": with_tensors(
        lambda table: table.update({"base_model.model.bert.pooler.dense.bias": torch.ones(16)})
    ),
    "an unknown prefix": with_tensors(lambda table: table.update({"classifier.weight": torch.ones(2)})),
    "no values at all": with_tensors(lambda table: table.clear()),
    "another kind": with_config(peft_type="IA3"),
    "another scaling": with_config(use_rslora=True),
    "a decomposition": with_config(use_dora=True),
    "trained biases": with_config(bias="all"),
    "no targets": with_config(target_modules=[]),
    "targets by pattern": with_config(target_modules=".*"),
    "targets elsewhere": with_config(target_modules=["bert.nowhere"], rank_pattern={}, alpha_pattern={}),
    "patterns by suffix": with_config(rank_pattern={"query": 2}),
    "patterns that overlap": with_config(rank_pattern={".*": 2}),
    "a rank of zero": with_config(rank_pattern={}, r=0),
    "a rank below zero": with_config(rank_pattern={}, r=-1),
    "half a rank": with_config(rank_pattern={}, r=1.5),
    "a rank in words": with_config(rank_pattern={}, r="four"),
    "true for a rank": with_config(rank_pattern={}, r=True),
    "no scaling": with_config(alpha_pattern={}, lora_alpha=None),
    "a huge scaling": with_config(alpha_pattern={}, lora_alpha=10**400),
    "a scaling that is no number": with_config(alpha_pattern={}, lora_alpha=float("nan")),
    "another head in the config": with_config(modules_to_save=["bert.pooler"]),
    "no head in the config": with_config(modules_to_save=None),
    "a config of garbage": with_bytes(CONFIG_FILE, b"\x00\x01", is_sealed=True),
    "a deep config": with_bytes(CONFIG_FILE, b"[" * 100_000, is_sealed=True),
    "a list for a config": with_bytes(CONFIG_FILE, b"[]", is_sealed=True),
    "another version": with_manifest(format=2),
    "a version in words": with_manifest(format="1\n2"),
    "no base": with_manifest(base=None),
    "another base": with_manifest(base={"name": "", "sha256": "0" * 64}),
    "a path upwards": with_manifest(files={"../elsewhere": "0" * 64}),
    "an absolute path": with_manifest(files={"/etc/passwd": "0" * 64}),
    "a NUL in a name": with_manifest(files={"a\0b": "0" * 64}),
    "a name of 4096 characters": with_manifest(files={"x" * 4096: "0" * 64}),
    "a surrogate in a name": with_manifest(files={"\ud800": "0" * 64}),
    "no files": with_manifest(files={}),
    "files as a list": with_manifest(files=["a"]),
    "digests as numbers": with_manifest(files={ADAPTER_FILE: 1}),
    "another profile": with_manifest(profile="pickle"),
    "no length": with_manifest(max_length=0),
    "a length in words": with_manifest(max_length="many"),
    "a length without end": with_manifest(max_length=1e308),
    "a task of garbage": with_manifest(task=[1]),
    "a task with one class": with_manifest(task={"classes": ["a"], "has_score": False}),
    "a class twice": with_manifest(task={"classes": ["a", "a", "b"]}),
    "a task of another size": with_manifest(task={"classes": ["a", "b", "c", "d"]}),
    "a class that is no text": with_manifest(task={"classes": [1, 2, 3]}),
    "a task with a surprise": with_manifest(task={"classes": ["a", "b", "c"], "__class__": "x"}),
    "a spread of zero": with_manifest(task={"classes": ["a", "b", "c"], "score_sd": 0.0}),
    "a mean in words": with_manifest(task={"classes": ["a", "b", "c"], "score_mean": "x"}),
}
"""Harm by somebody who can make the digests fit."""


def harm_copies(folder: Path, workshop: Path) -> Iterator[tuple[str, str | None]]:
    """Do every harm to a copy of its own; the name of each and what is wrong with what became of it."""
    base = json.loads((folder / MANIFEST).read_text())["base"]["name"]
    for number, (name, harm) in enumerate([*DAMAGED.items(), *FORGED.items()]):
        copy = workshop / f"{number}" / "adapter"
        shutil.copytree(folder, copy)
        harm(copy)
        yield name, problem_of(copy, base)
        if (copy.parent / "canary").exists():
            yield name, "the canary ran"
