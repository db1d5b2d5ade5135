"""Methods that train with their own code, Trainer and PEFT: the quickstart's recipe, AdaLoRA, EVA, full fine-tuning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
import transformers
from peft import (
    AdaLoraConfig,
    EvaConfig,
    LoraConfig,
    PeftConfig,
    PeftModel,
    TaskType,
    get_eva_state_dict,
    get_peft_model,
    initialize_lora_eva_weights,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, PreTrainedModel, TrainerCallback, TrainerControl, TrainerState

from benchmarks.compare.results import Record
from benchmarks.compare.scale import BUDGET_RANK
from benchmarks.compare.stand import Chosen, Finished, Run, Stand, Tuned, measured, tuned, with_all_seeds
from benchmarks.compare.trainer import Rows, logits_of, train
from darse.data.example import SplitName, Task
from darse.model.head import task_for_head
from darse.model.loading import quiet
from darse.model.weights import head_names, initial_head
from darse.ranks.sites import find_weights
from darse.seeds import derive_seed
from darse.train.encode import Encoded, encode
from darse.train.probe import probe_head

_QUICKSTART_RATE = 5e-4
_ADALORA_START_RANK = 12
_ALPHA = 16
_SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class Prepared:
    """Rows and fresh models, without our bench, whose model would count as the rival's memory."""

    stand: Stand

    @cached_property
    def task(self) -> Task:
        """The task as the head carries it."""
        return task_for_head(self.stand.base.classifier(self.stand.data.task), self.stand.data.task)

    @cached_property
    def rows(self) -> dict[str, Encoded]:
        """Encoded rows of each split."""
        base, data = self.stand.base, self.stand.data
        length = min(self.stand.scale.max_length, base.tokenizer.model_max_length)
        return {name: encode(base.tokenizer, self.task, data.split(name), length) for name in _SPLITS}

    @cached_property
    def fitted(self) -> Mapping[str, Tensor]:
        """The last linear map as our runs start with it."""
        part = self.stand.settings.train.head_start
        return {name: part * value for name, value in probe_head(self.model(0), self.rows["train"], self.task).items()}

    def model(self, seed: int, *, is_fitted: bool = False) -> PreTrainedModel:
        """A classifier whose head is drawn from the seed, or starts fitted as in our runs."""
        model = self.stand.base.classifier(self.stand.data.task)
        head = initial_head(model, derive_seed("rival", seed)) | (dict(self.fitted) if is_fitted else {})
        with torch.no_grad():
            for name, value in model.named_parameters():
                if name in head:
                    value.copy_(head[name])
        transformers.set_seed(seed)
        return model


Build = Callable[[int], nn.Module]
"""A seed to a model whose trained part requires gradients."""


def quickstart(stand: Stand, *, is_tuned: bool) -> Record:
    """PEFT's quickstart recipe; as published, or with its learning rate tuned."""
    prepared = Prepared(stand)

    def build(seed: int) -> nn.Module:
        model = prepared.model(seed)
        config = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=8,
            lora_alpha=_ALPHA,
            lora_dropout=0.1,
            target_modules=["query", "value"],
            modules_to_save=list(head_names(model)),
        )
        return _wrapped(model, config)

    run = _runs(prepared, build, has_warmup=is_tuned)
    if is_tuned:
        return measured(stand, lambda stand: _tuned(stand, run, "r=8 query value"))

    def as_published(stand: Stand) -> Chosen:
        first = run(_QUICKSTART_RATE, 0)
        alone = Tuned(_QUICKSTART_RATE, first, {_QUICKSTART_RATE: first.score})
        return _chosen(alone, with_all_seeds(stand, run, alone), "r=8 query value")

    return measured(stand, as_published)


def full(stand: Stand) -> Record:
    """Full fine-tuning: every parameter trains."""
    prepared = Prepared(stand)

    def build(seed: int) -> nn.Module:
        model: nn.Module = prepared.model(seed)
        for value in model.parameters():
            value.requires_grad_(True)
        return model

    return measured(stand, lambda stand: _tuned(stand, _runs(prepared, build), "every parameter"))


def eva(stand: Stand) -> Record:
    """EVA: ranks from the explained variance of each map's inputs, one pass over training batches."""
    prepared = Prepared(stand)
    found: dict[int, dict[str, Tensor]] = {}

    def build(seed: int) -> nn.Module:
        model = prepared.model(seed, is_fitted=True)
        config = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=BUDGET_RANK,
            lora_alpha=_ALPHA,
            init_lora_weights="eva",
            eva_config=EvaConfig(rho=2.0),
            **_targets(model),
        )
        wrapped = _wrapped(model, config)
        if seed not in found:  # its pass takes longer than a short run, and no learning rate changes it
            found[seed] = _directions(prepared, wrapped)
        initialize_lora_eva_weights(wrapped, eva_state_dict=dict(found[seed]))  # PEFT empties what it is given
        return wrapped

    return measured(stand, lambda stand: _tuned(stand, _runs(prepared, build), "EVA r=8"))


def adalora(stand: Stand) -> Record:
    """AdaLoRA: singular values are masked while it trains, from rank 12 to 8 in the mean."""
    prepared = Prepared(stand)
    steps = -(-len(prepared.rows["train"]) // stand.scale.batch_size) * stand.scale.epochs
    last = steps * 2 // 5
    kept_from = -(-(steps - last + 1) * stand.scale.epochs // steps)

    def build(seed: int) -> nn.Module:
        model = prepared.model(seed, is_fitted=True)
        config = AdaLoraConfig(
            task_type=TaskType.SEQ_CLS,
            init_r=_ADALORA_START_RANK,
            target_r=BUDGET_RANK,
            lora_alpha=_ALPHA,
            total_step=steps,
            tinit=steps // 10,
            tfinal=last,
            deltaT=max(1, steps // 50),
            **_targets(model),
        )
        return _wrapped(model, config)

    # the masks reach the budget at three fifths of the steps, so earlier epochs are over it and cannot be kept
    run = _runs(prepared, build, from_epoch=kept_from, callback=Allocate)
    return measured(stand, lambda stand: _tuned(stand, run, "AdaLoRA 12 to 8"))


class Allocate(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Tells AdaLoRA of every step, after the optimizer's and before gradients are cleared."""

    def on_optimizer_step(self, args: object, state: TrainerState, control: TrainerControl, **more: object) -> None:
        """One step."""
        model = more["model"]
        assert isinstance(model, PeftModel)
        model.base_model.update_and_allocate(state.global_step)


def trained_parameters(model: nn.Module) -> int:
    """Adapter parameters: of AdaLoRA those of unmasked singular values, of a plain model all but the head."""
    if not isinstance(model, PeftModel):
        head = head_names(model)
        return sum(value.numel() for name, value in model.named_parameters() if not name.startswith(head))
    values = {name: value for name, value in model.named_parameters() if "lora_" in name}
    return sum(_kept(name, value, values) for name, value in values.items() if value.ndim == 2)


def _kept(name: str, value: Tensor, values: Mapping[str, Tensor]) -> int:
    kind = next(one for one in ("lora_A", "lora_B", "lora_E") if one in name)
    masked = values.get(name.replace(kind, "lora_E"))
    if masked is None:
        return value.numel()
    rank = masked.shape[0]
    return value.numel() // rank * int((masked != 0).sum())


def _runs(
    prepared: Prepared,
    build: Build,
    *,
    has_warmup: bool = True,
    from_epoch: int = 1,
    callback: Callable[[], TrainerCallback] | None = None,
) -> Run:
    warmup = prepared.stand.settings.train.warmup_fraction if has_warmup else 0.0

    def run(rate: float, seed: int) -> Finished:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build(seed)
            score = train(
                model,
                prepared.rows,
                task=prepared.task,
                tokenizer=prepared.stand.base.tokenizer,
                scale=prepared.stand.scale,
                learning_rate=rate,
                seed=seed,
                warmup=warmup,
                from_epoch=from_epoch,
                callbacks=[callback()] if callback else [],
            )
        return Finished(score, lambda: logits_of(model, prepared.rows["test"]), trained_parameters(model))

    return run


def _tuned(stand: Stand, run: Run, plan: str) -> Chosen:
    first = tuned(run, stand.start)
    return _chosen(first, with_all_seeds(stand, run, first), plan)


def _chosen(first: Tuned, runs: list[Finished], plan: str) -> Chosen:
    details: Record = {"tried": {f"{rate:g}": score for rate, score in first.tried.items() if score < float("inf")}}
    made = len(first.tried) + len(runs) - 1
    parameters = round(sum(one.parameters for one in runs) / len(runs))
    return Chosen(plan=plan, parameters=parameters, rate=first.rate, runs=runs, made=made, details=details)


def _targets(model: PreTrainedModel) -> dict[str, list[str]]:
    """The linear maps that ours adapts, and our head."""
    return {
        "target_modules": [weight.name for weight in find_weights(model)],
        "modules_to_save": list(head_names(model)),
    }


def _wrapped(model: PreTrainedModel, config: PeftConfig) -> nn.Module:
    wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def _directions(prepared: Prepared, wrapped: nn.Module) -> dict[str, Tensor]:
    """The principal directions of every map's inputs, as many as it gets ranks."""
    stand = prepared.stand
    batches = DataLoader(
        Rows(prepared.rows["train"], prepared.task),
        batch_size=stand.scale.batch_size,
        shuffle=True,
        drop_last=True,
        collate_fn=_plain(DataCollatorWithPadding(stand.base.tokenizer)),
    )
    found: dict[str, Tensor] = get_eva_state_dict(
        wrapped,
        batches,
        # PEFT's own default reads language-model labels; an encoder's tokens are where the mask is
        prepare_model_inputs_fn=lambda inputs, _: inputs["attention_mask"].bool().nonzero(),
        show_progress_bar=False,
    )
    return found


def _plain(collate: DataCollatorWithPadding) -> Callable[[list[dict[str, object]]], dict[str, Tensor]]:
    """A collator whose batches are plain dictionaries without labels, which EVA's pass needs."""

    def batch(rows: list[dict[str, object]]) -> dict[str, Tensor]:
        inputs = [{name: value for name, value in row.items() if name != "labels"} for row in rows]
        return dict(collate(inputs))

    return batch
