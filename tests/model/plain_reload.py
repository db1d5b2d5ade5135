"""A program that knows `peft` and `transformers` and nothing of this package: exported folders to logits.

Reads a JSON list of jobs from standard input and writes their logits, in the same order, to standard output.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging


def logits_of(job: dict[str, object]) -> list[list[float]]:
    """The way a user of the exported folder would write it."""
    folder = Path(str(job["adapter"]))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if job["profile"] == "merged":
        model = AutoModelForSequenceClassification.from_pretrained(folder)
    else:
        base = AutoModelForSequenceClassification.from_pretrained(str(job["base"]), num_labels=job["outputs"])
        base.config.pad_token_id = tokenizer.pad_token_id
        model = PeftModel.from_pretrained(base, folder)
    inputs = tokenizer(
        *job["texts"],  # type: ignore[misc]  # a list from JSON: the texts, after their targets if there are any
        padding=True,
        truncation=True,
        max_length=job["max_length"],
        return_tensors="pt",
    )
    with torch.inference_mode():
        values: list[list[float]] = model.eval()(**inputs).logits.double().tolist()
    return values


if __name__ == "__main__":
    warnings.simplefilter("error")  # a user of the folder sees no warning
    for kind in (DeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", category=kind)  # what `peft` and `transformers` have to say to each other
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    answers = [logits_of(job) for job in json.load(sys.stdin)]
    assert not any(name.split(".")[0] == "darse" for name in sys.modules), "the proof has to do without this package"
    json.dump(answers, sys.stdout)
