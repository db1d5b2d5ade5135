"""The adapter_config.json of any PEFT adapter to how its pairs are scaled, refusing what is no plain LoRA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from darse.errors import AdapterError
from darse.model.lora_facts import as_number, read_config
from darse.model.peft_names import CONFIG_FILE
from darse.names import printable

_REFUSED = {
    "use_dora": "DoRA scales every row of the weights as well, so that no cut of the pairs alone keeps the update",
    "lora_bias": "its pairs have a bias of their own",
    "use_qalora": "QALoRA pools the inputs of its pairs",
    "use_bdlora": "its pairs are block-diagonal",
    "kasa_config": "KaSA puts a diagonal between the two factors and changes the base weights",
    "monteclora_config": "its pairs are drawn at random",
    "velora_config": "VeLoRA is not read",
    "arrow_config": "it is a router over several adapters",
    "alora_invocation_tokens": "aLoRA adapts only some of the tokens",
    "layer_replication": "it stacks layers of the base model anew",
    "target_parameters": "it adapts bare parameters and not linear maps",
    "megatron_config": "it is split over several machines",
}
"""Settings of PEFT 0.21 that make an update more than `scaling * up @ down` on an unchanged linear map."""
_PLAIN_STARTS = frozenset({"gaussian", "eva", "orthogonal", "mica"})
"""Initialisations that leave the base weights as they are; the others (PiSSA, OLoRA, ...) change them."""
_PLAIN_PATTERN = re.compile(r"\^?(?:[\w.-]|\\[.-])+\$?", re.ASCII)
_MAX_PATTERNS = 4096
_MAX_PATTERN = 512
_MAX_LABELS = 1000


@dataclass(frozen=True)
class PeftConfig:
    """What a PEFT config says of an adapter's values.

    Attributes:
        base_name: The base model as its trainer called it; None if it is not said.
        task_type: PEFT's, such as `SEQ_CLS` or `CAUSAL_LM`; None if it is not said.
        is_rank_stabilised: Whether pairs are scaled by alpha / sqrt(r) and not by alpha / r.
        alpha: Numerator of the scaling.
        alphas: Numerators of modules whose names match, the first that matches counts.
        labels: Names of the outputs, in their order, where the config holds an `id2label`; else empty.
    """

    base_name: str | None
    task_type: str | None
    is_rank_stabilised: bool
    alpha: float
    alphas: tuple[tuple[re.Pattern[str], float], ...]
    labels: tuple[str, ...]

    def scaling(self, module: str, rank: int) -> float:
        """What `up @ down` is multiplied by, exactly as peft 0.21 does.

        Args:
            module: Full name of the adapted module in the base model.
            rank: Of its pair.
        """
        alpha = next((value for pattern, value in self.alphas if pattern.match(module)), self.alpha)
        return alpha / (rank**0.5 if self.is_rank_stabilised else rank)


def read_peft_config(folder: Path) -> PeftConfig:
    """Read the config of an adapter that anybody may have written.

    Raises:
        AdapterError: It is missing, damaged, or of an adapter that is not made of plain LoRA pairs.
    """
    config, path = read_config(folder), folder / CONFIG_FILE
    kind = config.get("peft_type")
    if kind != "LORA":
        raise AdapterError(f"{path} is of type {printable(repr(kind))}; only LORA adapters can be read")
    for key, reason in _REFUSED.items():
        if config.get(key):
            raise AdapterError(
                f"{path} has {key}: {reason}; only plain LoRA can be read, so merge this adapter instead"
            )
    start = config.get("init_lora_weights", True)
    if not isinstance(start, bool) and start not in _PLAIN_STARTS and start is not None:
        raise AdapterError(
            f"{path} has init_lora_weights {printable(repr(start))}, which changes the base weights too; save it as "
            "plain LoRA first (peft: save_pretrained with path_initial_model_for_weight_conversion)"
        )
    try:
        alphas = config.get("alpha_pattern") or {}
        return PeftConfig(
            base_name=_text(config.get("base_model_name_or_path")),
            task_type=_text(config.get("task_type")),
            is_rank_stabilised=bool(config.get("use_rslora")),
            alpha=as_number(config["lora_alpha"]),
            alphas=tuple(_alphas(alphas, path)),
            labels=labels_of(config),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise AdapterError(f"{path} is damaged ({printable(str(error))}); save the adapter again") from error


def labels_of(config: Mapping[str, object]) -> tuple[str, ...]:
    """Names of a model's outputs from its `id2label`; empty where they are not named.

    >>> labels_of({"id2label": {"1": "good", "0": "bad"}}), labels_of({"id2label": {"0": "LABEL_0"}})
    (('bad', 'good'), ())
    """
    table = config.get("id2label")
    if not isinstance(table, dict) or not 0 < len(table) <= _MAX_LABELS:
        return ()
    names = [table.get(str(place), table.get(place)) for place in range(len(table))]
    if any(not isinstance(name, str) or name == f"LABEL_{place}" for place, name in enumerate(names)):
        return ()
    return tuple(map(str, names))


def _alphas(patterns: object, path: Path) -> list[tuple[re.Pattern[str], float]]:
    """Patterns as peft matches them; anything but names could take forever to match, and is refused."""
    if not isinstance(patterns, dict) or len(patterns) > _MAX_PATTERNS:
        raise TypeError(f"alpha_pattern is no table of at most {_MAX_PATTERNS} names")
    for pattern in patterns:
        if len(pattern) > _MAX_PATTERN or not _PLAIN_PATTERN.fullmatch(pattern):
            raise AdapterError(
                f"{path} has the alpha_pattern {printable(repr(pattern))}, which is no plain name; write out the "
                "names of the modules that are meant"
            )
    # peft.utils.get_pattern_key
    return [(re.compile(rf"(.*\.)?({pattern})$"), as_number(value)) for pattern, value in patterns.items()]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
