"""An exported folder to its logits, loaded as a stranger loads it: by plain `peft` and `transformers`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from darse.data.example import Example, Task
from darse.model.base import Base
from darse.model.loading import quiet
from darse.settings import WHOLE, Profile

_TEXTS = (
    "Not the disaster I had feared.",
    "Profit rose sharply in the third quarter, and the dividend is raised.",
    "It broke after two days and nobody answers.",
    "The meeting starts at nine.",
)


def probes(task: Task) -> list[Example]:
    """A few texts by whose outputs a model that was written is held against the one that it was written from."""
    target = "Acme" if task.has_target else None
    return [Example(place, text, target) for place, text in enumerate(_TEXTS, 1)]


def plain_logits(
    folder: Path, base: Base, profile: Profile, examples: Sequence[Example], *, outputs: int, max_length: int
) -> Tensor:
    """Logits in the user's own units, shape (examples, outputs).

    Args:
        folder: What was exported.
        base: The base model; a merged export needs none.
        profile: Kind of export.
        examples: Texts, all with a target or none.
        outputs: Rows of the head.
        max_length: Tokens that a text is cut to.
    """
    trusted = {"trust_remote_code": base.trust_remote_code}
    with quiet(), warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.inference_mode():
        warnings.simplefilter("ignore")
        tokenizer = AutoTokenizer.from_pretrained(folder, **trusted)
        if profile in WHOLE:
            model = AutoModelForSequenceClassification.from_pretrained(folder, **trusted)
        else:
            plain = AutoModelForSequenceClassification.from_pretrained(
                base.folder,
                num_labels=outputs,
                pad_token_id=tokenizer.pad_token_id,
                ignore_mismatched_sizes=True,
                **trusted,
            )
            model = PeftModel.from_pretrained(plain, folder)
        texts = [[one.text for one in examples]]
        if examples[0].target is not None:
            texts = [[one.target or "" for one in examples], *texts]
        rows = tokenizer(*texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
        logits: Tensor = model.eval()(**rows).logits.float()
        return logits.clone()
