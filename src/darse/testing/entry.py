"""A folder to an entry: something that answers texts, known by a digest before anything heavy is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from darse.data.example import Task
from darse.errors import AdapterError, InputError
from darse.evaluate.losses import Floats
from darse.files import sha256_of_bytes
from darse.model.lora_facts import read_lora_facts
from darse.model.manifest import MANIFEST, Manifest, read_manifest
from darse.model.peft_names import ADAPTER_FILE, DOWN, UP
from darse.names import printable_path
from darse.packages import shaping_versions
from darse.settings import WHOLE
from darse.store.folder import STORE_FILE

Check = Callable[[], None]
Answer = Callable[[Sequence[str], Sequence[str] | None, Check], Floats]
"""Texts, their targets and what is called often, to answers of shape (rows, outputs): the probability of each class in
the task's order, then the score in the user's units."""
Kind = Literal["adapter", "reference"]
_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class Facts:
    """What is known of an entry before it answers, and what the store keeps of it.

    Attributes:
        name: What a table calls it.
        kind: An adapter of somebody's, or a reference point that is built in.
        digest: SHA-256 that names it: the same digest means the same answers.
        task: What it predicts.
        adapter: SHA-256 of the adapter's manifest; empty for a reference point.
        folder: Where the adapter lies; empty for a reference point.
        study: Id of the study that it comes from; empty where it has none.
        parameters: Trained parameters of its low-rank pairs; None where that has no meaning.
        file_bytes: Size of its files; None for a reference point.
        ranks: Rank by layer, or by module where a layer has several; empty where it has none.
        rule: How a reference point answers, in a sentence.
    """

    name: str
    kind: Kind
    digest: str
    task: Task
    adapter: str = ""
    folder: str = ""
    study: str = ""
    parameters: int | None = None
    file_bytes: int | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)
    rule: str = ""


@dataclass(frozen=True)
class Entry:
    """Something that answers texts.

    Attributes:
        facts: What is known of it.
        load: Loads what answers, which may take seconds.
    """

    facts: Facts
    load: Callable[[], Answer]


def adapter_entry(
    place: Path, *, name: str | None = None, base: str | None = None, trust_remote_code: bool = False
) -> Entry:
    """The adapter of a folder, or the exported one of a study's folder.

    Args:
        place: An adapter's folder, or a study's.
        name: What a table calls it; by default after the folder.
        base: Name or folder of the base model, if it is not where the adapter says.
        trust_remote_code: Whether code that comes with the base model may run.

    Raises:
        AdapterError: There is no adapter, or it is damaged.
    """
    folder = adapter_folder(place)
    manifest = read_manifest(folder)
    facts = Facts(
        name=name or _name(folder),
        kind="adapter",
        digest=answers_digest(manifest),
        task=manifest.task,
        adapter=manifest.digest,
        folder=str(folder.resolve()),
        study=str(manifest.about.get("study", "")),
        parameters=None if manifest.profile in WHOLE else _parameters(folder),
        file_bytes=sum((folder / name).stat().st_size for name in manifest.files),
        ranks={} if manifest.profile in WHOLE else _ranks(folder),
    )

    def load() -> Answer:
        from darse.score.scorer import AdapterScorer

        scorer = AdapterScorer.open(folder, base=base, trust_remote_code=trust_remote_code)

        def answer(texts: Sequence[str], targets: Sequence[str] | None, check: Check) -> Floats:
            said = scorer.score(texts, targets, check=check)
            rows = [[*one.probabilities.values(), *([] if one.score is None else [one.score])] for one in said]
            return np.array(rows, dtype=np.float64).reshape(len(texts), manifest.task.outputs)

        return answer

    return Entry(facts, load)


def adapter_folder(place: Path) -> Path:
    """An adapter's folder, given it or the folder of its study.

    Raises:
        AdapterError: There is none.
    """
    if (place / MANIFEST).exists():
        return place
    if (place / "adapter" / MANIFEST).exists():
        return place / "adapter"
    if not place.is_dir():
        raise AdapterError(f"{printable_path(str(place))}: there is no such folder; give an adapter's or a study's")
    raise AdapterError(f"{printable_path(str(place))} has no {MANIFEST}; give the adapter folder that darse wrote")


def refuse_same_names(entries: Sequence[Facts]) -> None:
    """Refuse two entries that a table could not tell apart.

    Raises:
        InputError: Two have one name.
    """
    names = [one.name for one in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two entries are called {twice[0]!r}; give each another name: NAME=FOLDER")


def answers_digest(manifest: Manifest) -> str:
    """SHA-256 that names what an adapter answers with the packages that are installed, without loading it."""
    computing = "torch"
    if manifest.profile == "onnx":
        from darse.score.onnx import is_installed

        computing = "onnxruntime" if is_installed() else "torch"
    return sha256_of_bytes(f"adapter {manifest.digest} {computing} {shaping_versions()}".encode())


def _name(folder: Path) -> str:
    """After the folder; an adapter that is called `adapter` goes by its study."""
    resolved = folder.resolve()
    is_of_study = resolved.name == "adapter" and (resolved.parent / STORE_FILE).exists()
    return resolved.parent.name if is_of_study else resolved.name


def _parameters(folder: Path) -> int:
    """Stored parameters of the low-rank pairs, read from the file's header alone."""
    path = folder / ADAPTER_FILE
    try:
        with safe_open(path, framework="np") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys() if name.endswith((DOWN, UP))]  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise AdapterError(f"{path} is damaged; export the adapter again") from error
    return int(sum(int(np.prod(shape)) for shape in shapes))


def _ranks(folder: Path) -> dict[str, int]:
    """Rank by layer, or by module where the modules of a layer differ."""
    by_layer: dict[str, dict[str, int]] = {}
    for module, rank in read_lora_facts(folder).ranks.items():
        found = _LAYER.search(f".{module}.")
        by_layer.setdefault(f"layer {found[1]}" if found else module, {})[module] = rank
    ranks: dict[str, int] = {}
    for layer, modules in by_layer.items():
        same = len(set(modules.values())) == 1
        ranks |= {layer: next(iter(modules.values()))} if same else modules
    return dict(sorted(ranks.items(), key=_place))


def _place(entry: tuple[str, int]) -> tuple[int, str]:
    found = re.search(r"\d+", entry[0])
    return (int(found[0]) if found else 0), entry[0]
