"""An adapter and the rows that it has not learned from to the sample that its traffic is compared with later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from darse.evaluate.sample import Sample
from darse.execute.bench import Bench
from darse.model.weights import AdapterWeights
from darse.store.protocol import Store
from darse.train.encode import unknown_tokens
from darse.train.lower import LowerCache

REFERENCE = "reference"
"""Name of the finding that keeps it."""
REFERENCE_ROWS = 1000
"""Enough that a shift in the later texts, and not chance in these, decides a comparison; seconds of computing."""


def kept_reference(store: Store, study: str, trial: str) -> Sample | None:
    """The sample of a study's exported run, if it is kept and whole."""
    kept = store.findings(study).get(REFERENCE, {})
    sample = kept.get("sample")
    if kept.get("trial") != trial or not isinstance(sample, Mapping):
        return None
    with suppress(ValueError):
        return Sample.from_json(sample)
    return None


def keep_reference(store: Store, study: str, trial: str, sample: Sample) -> None:
    """Keep the sample of a study's exported run, for exports that come later."""
    store.put_finding(study, REFERENCE, {"trial": trial, "sample": sample.as_json()})


def reference_sample(bench: Bench, weights: AdapterWeights, check: Callable[[], None] = lambda: None) -> Sample:
    """What the adapter says of validation and test rows, evenly chosen.

    Of the rows that it has learned from it is surer than of any later text.

    Args:
        bench: What its study stands on.
        weights: The adapter.
        check: Called often; raises to stop.
    """
    samples = []
    for split in ("valid", "test"):
        rows = bench.rows[split]
        amount = min(len(rows), REFERENCE_ROWS // 2)
        chosen = rows.at(np.linspace(0, len(rows) - 1, amount).round().astype(np.intp))
        narrow = replace(bench, rows={**bench.rows, "valid": chosen}, lower_cache=LowerCache())
        logits = narrow.logits(weights, "valid", check)
        tokens, unknown = chosen.full_lengths.tolist(), unknown_tokens(bench.base.tokenizer, chosen)
        samples.append(Sample.of_logits(logits, bench.task, tokens, unknown))
    return Sample.joined(samples)
