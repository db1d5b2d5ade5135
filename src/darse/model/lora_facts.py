"""PEFT's adapter_config.json to the rank and scaling of every module, refusing whatever we never write."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from darse.errors import AdapterError
from darse.model.peft_names import CONFIG_FILE

_MAX_BYTES = 16 << 20
_FIXED = {"peft_type": "LORA", "task_type": "SEQ_CLS", "bias": "none", "use_rslora": False, "use_dora": False}


@dataclass(frozen=True)
class LoraFacts:
    """What a LoRA config says of an adapter's values.

    Attributes:
        ranks: Rank by the adapted module's full name.
        alphas: Numerator of PEFT's scaling alpha / r, by the same names.
        head: Modules that are trained whole.
    """

    ranks: Mapping[str, int]
    alphas: Mapping[str, float]
    head: tuple[str, ...]


def read_lora_facts(folder: Path) -> LoraFacts:
    """Read the LoRA config of a folder.

    Raises:
        AdapterError: It is not one that we write.
    """
    config = read_config(folder)
    try:
        return _parse(config)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise AdapterError(f"{folder / CONFIG_FILE} is missing or damaged; export the adapter again") from error


def read_config(folder: Path) -> dict[str, object]:
    """The adapter_config.json of a folder, whoever wrote it, as it stands.

    Raises:
        AdapterError: It is missing, too large, or no JSON object.
    """
    path = folder / CONFIG_FILE
    try:
        if not path.is_file():
            raise AdapterError(f"{path} is missing or no regular file; export the adapter again")
        if path.stat().st_size > _MAX_BYTES:
            raise AdapterError(f"{path} is larger than {_MAX_BYTES} bytes; this is no adapter config")
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(f"{path} is missing or damaged; export the adapter again") from error
    if not isinstance(config, dict):
        raise AdapterError(f"{path} is no JSON object; export the adapter again")
    return config


def _parse(config: dict[str, object]) -> LoraFacts:
    """The facts of a config; ValueError, TypeError and their like where it is not as ours are."""
    if any(config[key] != value for key, value in _FIXED.items()):
        raise ValueError("another kind of adapter")
    targets, head = _names(config["target_modules"]), _names(config["modules_to_save"])
    ranks = _by_name(config["rank_pattern"], config["r"], targets)
    alphas = _by_name(config["alpha_pattern"], config["lora_alpha"], targets)
    if any(rank != int(rank) or rank < 1 for rank in ranks.values()):
        raise ValueError("a rank is no rank")
    return LoraFacts({name: int(rank) for name, rank in ranks.items()}, alphas, head)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise TypeError("no list of names")
    return tuple(value)


def _by_name(patterns: object, default: object, targets: tuple[str, ...]) -> dict[str, float]:
    """Value of each target; a pattern must be the escaped full name of one, as PEFT itself would take any match."""
    if not isinstance(patterns, dict):
        raise TypeError("no patterns")
    by_pattern = {re.escape(name): name for name in targets}
    values = dict.fromkeys(targets, as_number(default))
    values |= {by_pattern[pattern]: as_number(value) for pattern, value in patterns.items()}
    return values


def as_number(value: object) -> float:
    """A finite number as a config holds it.

    Raises:
        TypeError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no number")
    return float(value)
