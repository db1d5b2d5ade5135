"""A run of `transformers.Trainer` with a PEFT LoRA model to the layer figures of a study, while it trains."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sized
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from darse.errors import StoreError
from darse.files import sha256_of_bytes
from darse.model.weights import Pair
from darse.store.trial import CurvePoint
from darse.track.pairs import live_pairs
from darse.track.recording import SCORES, Recording, RunIdentity
from darse.train.trace import Tracer

_ARGUMENTS = (
    "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
    "weight_decay", "warmup_steps", "lr_scheduler_type", "optim", "max_grad_norm", "seed", "bf16", "fp16",
    "label_smoothing_factor",
)  # fmt: skip
"""What of the training arguments is kept: what shapes a run."""
_LOG = logging.getLogger("darse")


class DarseCallback(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Records a run's layers: gradient and update norms and effective rank of every LoRA pair, epoch by epoch.

    The run becomes a study of a store, beside those of `darse explore`, and `darse layers`, `darse history`,
    `darse changes`, `darse dump` and `darse mirror` show it. Gradients are read where the optimizer is about to take
    them, and nothing is changed: the run is the same to the bit without it. Every epoch is on the disk when the next
    begins, so a run that is killed leaves what it had; one that is resumed from a checkpoint goes on in the same study.
    Where the store fails while it trains, the logger `darse` says so, and the run goes on unrecorded.

    With several processes the first one records. Sharded parameters (FSDP, DeepSpeed ZeRO 3) cannot be followed.

    Args:
        folder: Where the store lies; made if it is missing.
        store: Address of a store to use instead of the file in the folder.
        name: What people call the run; by default that of the training arguments, else that of the folder.
        clock: Seconds since 1970 (UTC).

    Example:
        trainer = Trainer(peft_model, arguments, train_dataset=rows, callbacks=[darse.DarseCallback("runs")])
    """

    def __init__(
        self,
        folder: str | Path = "darse-runs",
        *,
        store: str | None = None,
        name: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.store, self.name, self.clock = Path(folder), store, name, clock
        self._recording: Recording | None = None
        self._tracer: Tracer | None = None
        self._sums: tuple[float, ...] = ()
        self._steps = 0
        self._began = 0.0
        self._figures: dict[str, float] = {}

    @property
    def study(self) -> str | None:
        """Id of the study that the run is recorded in; None while it is not."""
        return None if self._recording is None else self._recording.study

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Find the pairs and open the study.

        Raises:
            InputError: The model has no pair that can be followed.
            StoreError: The store cannot be used.
        """
        if not state.is_world_process_zero:
            return
        model = more["model"]
        pairs = live_pairs(model)
        self._tracer = Tracer(lambda: _now(model), {name: one.scale for name, one in pairs.items()})
        self._sums, self._steps, self._began, self._figures = (), 0, self.clock(), {}
        identity = RunIdentity(
            self.name or str(getattr(args, "run_name", None) or self.folder.name),
            _described(args, model, more.get("train_dataloader")),
            {name: one.pair.rank for name, one in pairs.items()},
            sha256_of_bytes(str(args.output_dir).encode())[:16],
        )
        self._recording = Recording.begin(
            self.folder,
            self.store,
            identity,
            now=self.clock(),
            is_resumed=state.global_step > 0,
            epoch=float(state.epoch or 0.0),
        )

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        """Add up the gradients that the optimizer is about to take."""
        if self._tracer is not None:
            self._sums = self._tracer.step(self._sums)
            self._steps += 1

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Keep what the Trainer tells."""
        self._figures |= _numbers(more.get("logs"))

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Keep the metrics, as a point of the curve if there is a training loss beside them."""
        found = _numbers(more.get("metrics"))
        self._figures |= found
        loss, score = self._figures.get("loss"), found.get(SCORES[0])
        recording = self._recording
        if recording is None or loss is None or score is None or not recording.points:
            return
        epoch = recording.points[-1].epoch
        earlier = tuple(point for point in recording.curve if point.epoch != epoch)
        self._recording = replace(recording, curve=(*earlier, CurvePoint(epoch, loss, score)))

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Write the epoch down."""
        recording, tracer = self._recording, self._tracer
        if recording is None or tracer is None or not self._steps:
            return
        epoch = recording.points[-1].epoch + 1 if recording.points else 1
        point = tracer.point(epoch, self._sums, self._steps)
        self._sums, self._steps = (), 0
        try:
            self._recording = recording.adding(point)
        except StoreError as error:
            self._give_up(error)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Keep the run as a finished trial."""
        if self._recording is None:
            return
        now = self.clock()
        try:
            self._recording.finish(
                self._figures,
                seed=int(args.seed),
                learning_rate=float(args.learning_rate),
                seconds=max(0.0, now - self._began),
                now=now,
            )
        except StoreError as error:
            self._give_up(error)

    def _give_up(self, error: StoreError) -> None:
        _LOG.warning("the run goes on and is no longer recorded: %s", error)
        self._recording = self._tracer = None


def _now(model: nn.Module) -> Mapping[str, Pair]:
    return {name: one.pair for name, one in live_pairs(model).items()}


def _numbers(values: object) -> dict[str, float]:
    """The numbers among what a Trainer tells."""
    table = values if isinstance(values, Mapping) else {}
    return {
        str(name): float(value)
        for name, value in table.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _described(args: TrainingArguments, model: nn.Module, rows: object) -> dict[str, object]:
    """What shapes a run, as plain JSON: arguments, base model, adapter and, where known, the data's fingerprint."""
    config, dataset = getattr(model, "config", None), getattr(rows, "dataset", None)
    adapters = getattr(model, "peft_config", {})
    adapter = next(iter(adapters.values()), None) if isinstance(adapters, Mapping) else None
    return {
        "model": str(getattr(config, "_name_or_path", "") or type(model).__name__),
        "train": {name: _plain(getattr(args, name, None)) for name in _ARGUMENTS},
        "lora": {
            name: _plain(getattr(adapter, name, None)) for name in ("r", "lora_alpha", "lora_dropout", "use_rslora")
        },
        "data": {
            "rows": len(dataset) if isinstance(dataset, Sized) else None,
            "fingerprint": _plain(getattr(dataset, "_fingerprint", None)),
        },
    }


def _plain(value: object) -> object:
    if value is None or (isinstance(value, bool | int | float | str) and not hasattr(value, "value")):
        return value
    return str(getattr(value, "value", value))
