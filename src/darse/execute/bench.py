"""Everything that all trials of a study share, loaded once: the frozen model, the encoded rows, the sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from darse.data.check import with_token_counts
from darse.data.example import DataCheck, LabelledData, SplitName, Task
from darse.evaluate.losses import Floats, search_losses
from darse.evaluate.metrics import metrics
from darse.model.adapter import merged
from darse.model.base import Base
from darse.model.head import has_hidden_layers, task_for_head
from darse.model.lora import installed
from darse.model.precision import dtype_of
from darse.model.weights import AdapterWeights, frozen_depth, head_names, initial_weights
from darse.ranks.plan import RankPlan, Site, Weight, ranks_by_weight
from darse.ranks.sites import find_weights
from darse.seeds import derive_seed
from darse.settings import Settings
from darse.store.arrays import put_array
from darse.store.protocol import Store
from darse.store.trial import CurvePoint, Outcome, Trial
from darse.track.kept import put_trace
from darse.train.encode import Encoded, encode
from darse.train.lower import Lower, LowerCache, run_lower
from darse.train.predict import predict
from darse.train.probe import probe_head
from darse.train.trace import Trace


@dataclass(frozen=True)
class Bench:
    """What a trial stands on.

    Attributes:
        base: The base model's files.
        model: Its frozen classifier; a trial changes it and gives it back.
        task: What is predicted.
        sites: Where ranks are set.
        weights: All weights that can carry a pair.
        rows: Encoded rows of each split.
        settings: Of the study.
        store: Keeps the artifacts.
        checkpoints: Folder of the training snapshots.
        lower_cache: What lower layers have made of the rows.
    """

    base: Base
    model: PreTrainedModel
    task: Task
    sites: tuple[Site, ...]
    weights: tuple[Weight, ...]
    rows: dict[SplitName, Encoded]
    settings: Settings
    store: Store
    checkpoints: Path
    lower_cache: LowerCache = field(default_factory=LowerCache)
    _probes: dict[int, Mapping[str, Tensor]] = field(default_factory=dict)

    @classmethod
    def around(
        cls,
        model: PreTrainedModel,
        *,
        base: Base,
        data: LabelledData,
        settings: Settings,
        store: Store,
        checkpoints: Path,
        sites: tuple[Site, ...],
    ) -> Bench:
        """Encode the rows for a loaded classifier."""
        task = task_for_head(model, data.task)
        length = base.text_length(settings.train.max_length)
        names: tuple[SplitName, ...] = ("train", "valid", "test")
        rows = {name: encode(base.tokenizer, task, data.split(name), length) for name in names}
        return cls(base, model, task, sites, find_weights(model), rows, settings, store, checkpoints)

    @property
    def max_length(self) -> int:
        """Tokens that a text is cut to."""
        return self.base.text_length(self.settings.train.max_length)

    @property
    def head_parameters(self) -> int:
        """Parameters of the head, which every plan trains."""
        heads = map(self.model.get_submodule, head_names(self.model))
        return sum(parameter.numel() for head in heads for parameter in head.parameters())

    def counted(self, check: DataCheck) -> DataCheck:
        """The data check with the lengths of the texts."""
        lengths = np.concatenate([rows.full_lengths for rows in self.rows.values()])
        return with_token_counts(check, lengths.tolist(), self.max_length)

    def run_seed(self, seed: int) -> int:
        """Seed of a run's random streams: from the study's seed and the run's number, the same for every plan."""
        return derive_seed(self.settings.search.seed, "run", seed)

    def starting_weights(self, plan: RankPlan, seed: int, check: Callable[[], None] = lambda: None) -> AdapterWeights:
        """Weights that a run starts from: pairs whose update is zero, and a part of a head fitted on frozen features.

        Without a pair it is the whole of it.
        """
        ranks = ranks_by_weight(plan, self.sites)
        alpha = self.settings.train.alpha
        initial = initial_weights(self.model, self.weights, ranks, alpha=alpha, seed=self.run_seed(seed))
        part = self.settings.train.head_start if initial.pairs else 1.0
        fitted = {name: part * value for name, value in self._probe(seed, initial, check).items()}
        return replace(initial, head={**initial.head, **fitted})

    def _probe(self, seed: int, initial: AdapterWeights, check: Callable[[], None]) -> Mapping[str, Tensor]:
        key = seed if has_hidden_layers(self.model, self.task) else 0
        if key not in self._probes:
            with installed(self.model, replace(initial, pairs={})):
                self._probes[key] = probe_head(self.model, self.rows["train"], self.task, check=check)
        return self._probes[key]

    def trained_weights(self, trial: Trial) -> AdapterWeights:
        """Weights that a finished run left."""
        return read_weights(self.store, trial.outcome.artifacts["weights"])

    def logits(
        self,
        weights: AdapterWeights,
        split: SplitName,
        check: Callable[[], None],
        *,
        origin: str = "",
        depth: int = 0,
        is_exact: bool = True,
    ) -> Floats:
        """Logits of a split under some weights, shape (rows, outputs).

        Args:
            weights: The weights.
            split: Which rows.
            check: Called often; raises to stop.
            origin: Names what the weights of the lower layers are, where others share them.
            depth: How many layers these are.
            is_exact: Whether all is computed in float32, whatever training is.
        """
        # merged weights need one product a layer where a pair beside them needs three
        head = replace(weights, pairs={})
        frozen = frozen_depth(self.model, weights)
        if frozen >= depth:
            origin, depth = "", frozen
        dtype = torch.float32 if is_exact else dtype_of(self.settings.train)
        if origin:  # below the lowest pair all is exact
            origin = f"{origin} {dtype}"
        with merged(self.model, weights), installed(self.model, head, dtype, frozen):
            return self._predict(split, self.lower(split, depth, check, origin=origin), check)

    def logits_now(self, split: SplitName, depth: int, check: Callable[[], None]) -> Floats:
        """Logits of a split under the weights that are installed, whose lower layers to a depth are frozen."""
        return self._predict(split, self.lower(split, depth, check), check)

    def lower(self, split: SplitName, depth: int, check: Callable[[], None], *, origin: str = "") -> Lower | None:
        """What the lower layers to a depth, with the weights they have now, make of a split; see `logits`."""
        if not depth:
            return None
        rows = self.rows[split]
        return self.lower_cache.get(
            (split, depth, origin), lambda limit: run_lower(self.model, rows, depth, limit=limit, check=check)
        )

    def _predict(self, split: SplitName, lower: Lower | None, check: Callable[[], None]) -> Floats:
        return predict(self.model, self.rows[split], lower=lower, check=check).numpy().astype(np.float64)

    def losses(self, logits: Floats, split: SplitName) -> Floats:
        """Search loss of every row of a split."""
        return search_losses(logits, *self.truth(split), self.task)

    def metrics(self, logits: Floats, split: SplitName) -> dict[str, float]:
        """Metrics of a split by name."""
        return metrics(logits, *self.truth(split), self.task)

    def truth(self, split: SplitName) -> tuple[NDArray[np.int64], Floats]:
        """Labels and standardised scores of a split."""
        rows = self.rows[split]
        return rows.labels.numpy(), rows.scores.numpy().astype(np.float64)

    def outcome(
        self,
        logits: Floats,
        *,
        seconds: float,
        weights: AdapterWeights | None = None,
        curve: tuple[CurvePoint, ...] = (),
        trace: Trace | None = None,
    ) -> Outcome:
        """What a trial reports, its losses, weights and trace (of a run that had an epoch) kept as artifacts."""
        losses = self.losses(logits, "valid")
        artifacts = {} if weights is None else {"weights": self.store.put_artifact(weights.to_bytes())}
        if trace is not None and trace.points:
            artifacts["trace"] = put_trace(self.store, trace)
        return Outcome(
            score=float(losses.mean()),
            metrics=self.metrics(logits, "valid"),
            losses=put_array(self.store, losses),
            curve=curve,
            artifacts=artifacts,
            seconds=seconds,
        )


def read_weights(store: Store, digest: str) -> AdapterWeights:
    """Weights that a finished run left under a digest; see `Store.artifact` for what it raises."""
    return AdapterWeights.from_bytes(store.artifact(digest))
