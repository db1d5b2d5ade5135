"""Adapters as anybody makes them: a tiny model, plain `peft`, a few steps of plain `torch`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from darse.model.loading import quiet

TARGETS = {
    "bert": ["query", "value"],
    "roberta": ["query", "key", "value"],
    "distilbert": ["q_lin", "v_lin", "lin1"],
    "llama": ["q_proj", "v_proj", "down_proj"],
    "gpt2": ["c_attn", "c_proj"],
}
WHOLE = {
    "bert": ["classifier"],
    "roberta": ["classifier"],
    "distilbert": ["pre_classifier", "classifier"],
    "llama": ["score"],
    "gpt2": ["score"],
}


@contextmanager
def hushed() -> Iterator[None]:
    """Without the warnings that `peft` and `transformers` have for each other."""
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        yield


def classifier(base: Path, outputs: int) -> PreTrainedModel:
    """The base model with a fresh head, the same every time."""
    with torch.random.fork_rng(devices=[]), hushed():
        torch.manual_seed(3)
        model = AutoModelForSequenceClassification.from_pretrained(str(base), num_labels=outputs)
    model.config.pad_token_id = _tokenizer(base).pad_token_id
    return model


def config(kind: str, **extra: object) -> LoraConfig:
    """A LoRA config for one of the tiny models."""
    values: dict[str, object] = {
        "task_type": TaskType.SEQ_CLS,
        "r": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "target_modules": TARGETS[kind],
        "modules_to_save": WHOLE[kind],
        "fan_in_fan_out": kind == "gpt2",
        **extra,
    }
    with hushed():
        return LoraConfig(**values)


def trained(
    base: Path, lora: LoraConfig, texts: list[str], labels: Tensor, outputs: int, *, steps: int = 40
) -> PeftModel:
    """An adapter trained by a plain loop: cross-entropy for whole numbers, squared error else."""
    model = get_model(base, lora, outputs)
    inputs = tokens(base, texts)
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(steps):
            logits = model(**inputs).logits
            is_score = labels.is_floating_point()
            loss = (
                nn.functional.mse_loss(logits[:, 0], labels)
                if is_score
                else nn.functional.cross_entropy(logits, labels)
            )
            torch.autograd.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


def get_model(base: Path, lora: LoraConfig, outputs: int) -> PeftModel:
    """A fresh PEFT model."""
    with torch.random.fork_rng(devices=[]), hushed():
        torch.manual_seed(5)
        return get_peft_model(classifier(base, outputs), lora)


def randomised(model: PeftModel, seed: int = 1, spread: float = 0.2) -> PeftModel:
    """The model with pairs whose update is not zero, without training."""
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(spread * torch.randn(parameter.shape, generator=stream))
    return model.eval()


def save(model: PeftModel, folder: Path) -> Path:
    """Written the way everybody does."""
    with hushed():
        model.save_pretrained(str(folder))
    return folder


def reloaded_logits(base: Path, folder: Path, texts: list[str], outputs: int) -> Tensor:
    """What plain `peft` makes of an adapter folder."""
    return logits(reloaded(base, folder, outputs), base, texts)


def reloaded(base: Path, folder: Path, outputs: int) -> PeftModel:
    """An adapter folder as plain `peft` loads it."""
    with hushed():
        return PeftModel.from_pretrained(classifier(base, outputs), str(folder)).eval()


def logits(model: nn.Module, base: Path, texts: list[str]) -> Tensor:
    """Outputs of a model on texts."""
    with torch.inference_mode():
        found: Tensor = model(**tokens(base, texts)).logits
    return found


def tokens(base: Path, texts: list[str]) -> Mapping[str, Tensor]:
    """Texts as the model takes them, padded on the right."""
    tokenizer = _tokenizer(base)
    found: Mapping[str, Tensor] = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    return found


def _tokenizer(base: Path):  # type: ignore[no-untyped-def]  # transformers is untyped here
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer
