"""A real `Trainer` with a real PEFT model: what is recorded is true, and the run is the same to the bit without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

import darse
from darse.analysis.layers import layers_of
from darse.analysis.studied import Studied, read_study
from darse.cli.main import run
from darse.errors import InputError
from darse.model.audit import effective_rank
from darse.search.history import Problem
from darse.search.identity import Identity
from darse.settings import Settings
from darse.store.open import open_study_store
from tests import plain_peft

TEXTS = [f"good great {place}" if place % 2 else f"bad awful {place}" for place in range(12)]
LABELS = torch.tensor([place % 2 for place in range(12)])
MODULES = 8
"""Query and value of four layers."""


class Rows(Dataset[dict[str, Tensor]]):
    def __init__(self, base: Path) -> None:
        self.inputs = plain_peft.tokens(base, TEXTS)

    def __len__(self) -> int:
        return len(TEXTS)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        return {**{name: value[place] for name, value in self.inputs.items()}, "labels": LABELS[place]}


def a_model(base: Path) -> PeftModel:
    return plain_peft.get_model(base, plain_peft.config("bert", r=4, rank_pattern={"query": 2}), 2)


def train(
    base: Path, folder: Path, *callbacks: TrainerCallback, model: PeftModel | None = None, **options: object
) -> PeftModel:
    arguments: dict[str, object] = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "eval_strategy": "epoch",
        "logging_strategy": "epoch",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": 7,
        "run_name": "mine",
        **options,
    }
    resume = arguments.pop("resume", None)
    with plain_peft.hushed():
        model = a_model(base) if model is None else model
        rows = Rows(base)
        trainer = Trainer(
            model, TrainingArguments(str(folder / "out"), **arguments), train_dataset=rows, eval_dataset=rows,
            callbacks=list(callbacks),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=resume)
    return model


class Killed(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Ends the run as a kill would, after its first epoch."""

    def on_epoch_begin(self, args: object, state: object, control: object, **more: object) -> None:
        if getattr(state, "epoch", 0):
            raise RuntimeError("killed")


def recorded(folder: Path) -> Iterator[Studied]:
    with open_study_store(folder, must_exist=True) as store:
        for record in store.studies():
            yield read_study(store, record)


def pairs(model: PeftModel) -> dict[str, tuple[Tensor, Tensor, float]]:
    found = {}
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "lora_A") and "default" in module.lora_A:
            down, up = module.lora_A["default"].weight, module.lora_B["default"].weight
            found[name] = (down.detach(), up.detach(), module.scaling["default"])
    return found


def test_a_run_is_recorded_as_it_was_and_is_the_same_to_the_bit_without_it(tiny_bert: Path, tmp_path: Path) -> None:
    callback = darse.DarseCallback(tmp_path / "runs")
    model = train(tiny_bert, tmp_path, callback)
    alone = dict(train(tiny_bert, tmp_path).named_parameters())
    assert all(torch.equal(value, alone[name]) for name, value in model.named_parameters())
    (study,) = recorded(tmp_path / "runs")
    assert (study.record.id, study.record.name, study.record.state) == (callback.study, "mine", "finished")
    (trial,) = study.trials
    with open_study_store(tmp_path / "runs") as store:
        trace = read_study(store, study.record).trace(trial)
    assert trace is not None
    assert [point.epoch for point in trace.points] == [1, 2]
    live = pairs(model)
    assert set(trace.modules) == set(live)
    last = trace.points[-1]
    for place, name in enumerate(trace.modules):
        down, up, scale = live[name]
        dense = scale * up.double() @ down.double()
        assert trace.ranks[place] == (2 if "query" in name else 4)
        assert last.update[place] == pytest.approx(float(dense.norm()), rel=1e-6)
        spectrum = torch.linalg.svdvals(dense)[: trace.ranks[place]].tolist()
        assert last.effective_rank[place] == pytest.approx(effective_rank(spectrum), rel=1e-5)
        assert last.gradient[place] > 0
    assert trial.outcome.score == trial.outcome.metrics["eval_loss"]
    assert len(trial.outcome.curve) == 2
    assert trial.outcome.curve[-1].score == trial.outcome.score
    assert study.settings["train.learning_rate"] == 1e-2


def test_its_layers_are_shown_like_those_of_a_search(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny_bert, tmp_path, darse.DarseCallback(tmp_path / "runs"), num_train_epochs=1)
    assert run(["layers", str(tmp_path / "runs")]) == 0
    told = capsys.readouterr().out
    assert all(f"layer {place}" in told for place in range(4))
    assert run(["history", str(tmp_path / "runs")]) == 0
    assert "finished" in capsys.readouterr().out
    assert run(["report", str(tmp_path / "runs"), "--study", "mine"]) == 2
    assert "is a run of a Trainer, which has no verdict; `darse layers` shows it" in capsys.readouterr().err
    assert run(["dump", str(tmp_path / "runs"), "-o", str(tmp_path / "dump")]) == 0
    rows = (tmp_path / "dump" / "modules.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + MODULES


def test_a_killed_run_leaves_its_epochs_and_a_resumed_one_goes_on_in_the_same_study(
    tiny_bert: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    saving = {"save_strategy": "epoch", "num_train_epochs": 3}
    with pytest.raises(RuntimeError, match="killed"):
        train(tiny_bert, tmp_path, darse.DarseCallback(runs), Killed(), **saving)
    (left,) = recorded(runs)
    assert (left.record.state, left.trials) == ("running", ())
    assert {len(layer.points) for layer in layers_of(left).layers} == {1}
    train(tiny_bert, tmp_path, darse.DarseCallback(runs), resume=True, **saving)
    (study,) = recorded(runs)
    assert (study.record.id, study.record.state, len(study.trials)) == (left.record.id, "finished", 1)
    layers = layers_of(study).layers
    assert [point.epoch for point in layers[0].points] == [1, 2, 3]
    assert layers[0].points[0] == layers_of(left).layers[0].points[0]
    assert [event.kind for event in study.events] == ["opened", "continued", "finished"]


def test_the_same_run_again_is_another_study(tiny_bert: Path, tmp_path: Path) -> None:
    for _ in range(2):
        train(tiny_bert, tmp_path, darse.DarseCallback(tmp_path / "runs"), num_train_epochs=1)
    assert len({study.record.id for study in recorded(tmp_path / "runs")}) == 2


def test_no_search_takes_a_foreign_run_for_one_of_its_own(tiny_bert: Path, tmp_path: Path) -> None:
    train(tiny_bert, tmp_path, darse.DarseCallback(tmp_path / "runs"), num_train_epochs=1)
    (study,) = recorded(tmp_path / "runs")
    (trial,) = study.trials
    context = Identity("d" * 64, "b" * 64, "trainer", "v", Settings()).context(0)
    problem = Problem((), Settings().search, 1, None, context)
    assert trial.spec.evaluator == "trainer"
    assert trial.spec.id(problem.context) != trial.id
    assert study.record.context != context


def test_a_model_without_pairs_is_refused_with_the_remedy(tiny_bert: Path, tmp_path: Path) -> None:
    plain = plain_peft.classifier(tiny_bert, 2)
    with pytest.raises(InputError, match=r"wrap it with peft\.get_peft_model"):
        train(tiny_bert, tmp_path, darse.DarseCallback(tmp_path / "runs"), model=plain)
    assert not (tmp_path / "runs").exists()


def test_a_store_that_fails_does_not_end_the_run(
    tiny_bert: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs = tmp_path / "runs"

    class Breaks(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
        def on_train_begin(self, args: object, state: object, control: object, **more: object) -> None:
            (runs / "study.db").write_bytes(b"nonsense")

    callback = darse.DarseCallback(runs)
    model = train(tiny_bert, tmp_path, callback, Breaks())
    assert caplog.text.count("the run goes on and is no longer recorded") == 1
    assert callback.study is None
    alone = dict(train(tiny_bert, tmp_path).named_parameters())
    assert all(torch.equal(value, alone[name]) for name, value in model.named_parameters())
