"""One of a study's plans to what a training script of one's own takes: a `LoraConfig`, its JSON, or a Python module."""

from __future__ import annotations

import json
import re
from pathlib import Path

from peft import LoraConfig

from darse.errors import InputError
from darse.files import sha256_of_bytes, write_durably
from darse.model.adapter import plan_config
from darse.ranks.plan import ranks_by_weight
from darse.report.facts import NamedPlan, found, named_plans
from darse.search.result import Result

_ARGUMENTS = ("r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "lora_dropout", "bias")
_SIGNED = re.compile(r'"""[^\n]*darse export, ([0-9a-f]{16})\."""\n\n(.*)', re.DOTALL)
_MAX_BYTES = 16 << 20


def plan_as_config(result: Result, plan: NamedPlan) -> LoraConfig:
    """A plan as a `LoraConfig` for one's own training.

    Raises:
        PlanError: The plan leaves every layer alone.
    """
    ranks = ranks_by_weight(plan.plan, result.sites)
    return plan_config(ranks, alpha=result.settings.train.alpha, base_name=result.origin.base_name, head=())


def plan_as_json(result: Result, plan: NamedPlan) -> str:
    """A plan as the arguments of a `LoraConfig`, in JSON."""
    return _as_json(_arguments(result, plan))


def plan_as_python(result: Result, plan: NamedPlan) -> str:
    """A plan as a Python module: its `LoraConfig`, and as constants how the study has trained it."""
    arguments = "".join(
        f"    {name}={json.dumps(value, indent=4)},\n".replace("\n", "\n    ").rstrip(" ")
        for name, value in _arguments(result, plan).items()
    )
    hint = "# add your own task_type, and modules_to_save for what is trained whole"
    kind = hint if result.quality is None else 'task_type="SEQ_CLS",  # with it PEFT trains the head as well'
    constants = "".join(f"{name} = {value}\n" for name, value in _training(result, plan).items())
    body = f"from peft import LoraConfig\n\n{constants}\nconfig = LoraConfig(\n{arguments}    {kind}\n)\n"
    return f'"""The {plan.name} of study {result.study}, by darse export, {_digest(body)}."""\n\n{body}'


def write_plan(path: Path, text: str) -> None:
    """Write a plan's JSON or Python into a file, or over one that holds such a text and nothing of anybody else's.

    Raises:
        InputError: Another file is there.
        StoreError: It cannot be written.
    """
    if path.is_file() and not _is_plan(path):
        raise InputError(
            f"{path} is there, and is no earlier export or was changed since; choose another -o, or move it away"
        )
    write_durably(path, text.encode(), follows_link=True)


def _arguments(result: Result, plan: NamedPlan) -> dict[str, object]:
    values = plan_as_config(result, plan).to_dict()
    return {name: sorted(values[name]) if isinstance(values[name], set) else values[name] for name in _ARGUMENTS}


def _as_json(arguments: object) -> str:
    return json.dumps(arguments, indent=2) + "\n"


def _training(result: Result, plan: NamedPlan) -> dict[str, float]:
    """How the study has trained a plan; of an own evaluator's training only what it was told."""
    rates = {one.name: rate for one, rate in zip(named_plans(result), found(result).verify.learning_rates, strict=True)}
    told = {"LEARNING_RATE": rates[plan.name], "SEED": result.settings.search.seed}
    train, tokens = result.settings.train, result.check.tokens if result.check else {}
    own = {
        "WARMUP_FRACTION": train.warmup_fraction,
        "WEIGHT_DECAY": train.weight_decay,
        "MAX_GRADIENT_NORM": train.max_gradient_norm,
        "HEAD_START": train.head_start,
        "EPOCHS": train.epochs,
        "BATCH_SIZE": train.batch_size,
        "MAX_LENGTH": tokens.get("limit", train.max_length),
    }
    return told if result.quality is None else told | own


def _is_plan(path: Path) -> bool:
    """Whether a file is what this module writes, to the letter."""
    if path.stat().st_size > _MAX_BYTES:
        return False
    text = path.read_bytes().decode(errors="replace")
    if signed := _SIGNED.fullmatch(text):
        return signed[1] == _digest(signed[2])
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(arguments, dict) and tuple(arguments) == _ARGUMENTS and _as_json(arguments) == text


def _digest(text: str) -> str:
    return sha256_of_bytes(text.encode())[:16]
