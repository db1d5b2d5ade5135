"""Where a run starts: pairs without effect, and a head fitted on what the frozen model makes of the training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from darse.data.load import load_labelled
from darse.evaluate.losses import negative_log_likelihood
from darse.execute.bench import Bench
from darse.execute.ground import find_ground
from darse.model.head import last_linear
from darse.model.lora import installed
from darse.model.weights import AdapterWeights
from darse.ranks.plan import RankPlan
from darse.settings import Settings
from darse.store.open import open_store
from darse.train.predict import predict

from ..labelled import labelled_rows

Opener = Callable[[float], Bench]
PLAN, ALONE = RankPlan((0, 2, 1, 3)), RankPlan((0, 0, 0, 0))


@pytest.fixture(scope="module")
def opener(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    folder = tmp_path_factory.mktemp("bench")
    with open_store(folder / "study.db") as store:

        def opened(head_start: float) -> Bench:
            train = {"max_length": 16, "head_start": head_start}
            settings = Settings.model_validate({"model": str(tiny_bert), "train": train})
            data = load_labelled(labelled_rows(90), settings.data, seed=0)
            return find_ground(settings, data.task).bench(data, settings, store, folder / "checkpoints")

        yield opened


def last(bench: Bench, weights: AdapterWeights) -> dict[str, torch.Tensor]:
    name = last_linear(bench.model, bench.task)
    return {leaf: weights.head[f"{name}.{leaf}"] for leaf in ("weight", "bias")}


@pytest.mark.parametrize("part", [0.0, 0.2, 1.0])
def test_behind_pairs_stands_a_part_of_the_head_that_stands_alone(opener: Opener, part: float) -> None:
    bench = opener(part)
    whole, begun = last(bench, bench.starting_weights(ALONE, 0)), last(bench, bench.starting_weights(PLAN, 0))
    assert whole["weight"].abs().max() > 0
    for leaf, value in whole.items():
        torch.testing.assert_close(begun[leaf], part * value)


def test_the_whole_head_tells_the_classes_of_the_training_rows_better_than_their_shares_do(opener: Opener) -> None:
    bench = opener(0.2)
    rows = bench.rows["train"]
    with installed(bench.model, bench.starting_weights(ALONE, 0)):
        logits = predict(bench.model, rows).double().numpy()
    labels = rows.labels.numpy()
    shares = torch.bincount(rows.labels).double()
    guess = torch.log(shares / shares.sum()).repeat(len(rows), 1).numpy()
    classes = len(bench.task.classes)
    fitted = negative_log_likelihood(logits[:, :classes], labels).mean()
    assert fitted < negative_log_likelihood(guess, labels).mean()
