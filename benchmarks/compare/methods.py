"""The methods by name: where the code of each is, where its walk of the learning rates starts, what a cell costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

UNIFORM_RANKS = (1, 2, 4, 8)
Kind = Literal["plans", "studies", "rivals"]


@dataclass(frozen=True)
class Method:
    """A way from labelled rows to a model.

    Attributes:
        kind: The module with its code.
        function: Its name there.
        start: Where its walk of the grid of learning rates starts, what is usual for it; 0 if it does its own.
        runs: Full training runs of a cell with three seeds, for estimates.
        more_runs: Full runs that each further seed adds.
        weight: Cost of a run over that of a uniform plan with our engine, for estimates.
        says: One line for the page.
        options: What the function is given beside the stand.
        needs: A method of the same set that has to be finished before.
    """

    kind: Kind
    function: str
    start: float
    runs: float
    more_runs: float
    weight: float
    says: str
    options: Mapping[str, object]
    needs: str = ""

    def code(self) -> Callable[..., object]:
        """The function, imported now: whoever only counts cells starts without torch."""
        found: Callable[..., object] = getattr(import_module(f"benchmarks.compare.{self.kind}"), self.function)
        return found


def _uniform(rank: int) -> Method:
    says = f"rank {rank} in every linear map of every layer, learning rate tuned, our engine"
    return Method("plans", "uniform", 2e-3, 5.7, 1, 1.0, says, {"rank": rank})


METHODS: dict[str, Method] = {
    "head": Method(
        "plans", "uniform", 2e-3, 5.7, 1, 0.15, "the head alone, learning rate tuned, our engine", {"rank": 0}
    ),
    "quickstart": Method(
        "rivals",
        "quickstart",
        5e-4,
        3,
        1,
        1.3,
        "PEFT's quickstart as published: r=8, alpha 16, query and value, learning rate 5e-4, Trainer",
        {"is_tuned": False},
    ),
    **{f"uniform-{rank}": _uniform(rank) for rank in UNIFORM_RANKS},
    "quickstart-tuned": Method(
        "rivals", "quickstart", 2e-3, 6, 1, 1.3, "the same with its learning rate tuned", {"is_tuned": True}
    ),
    "eva": Method("rivals", "eva", 2e-3, 6, 1, 1.5, "EVA of PEFT, r=8, rho 2, all linear maps, our head, Trainer", {}),
    "adalora": Method(
        "rivals", "adalora", 4e-3, 6, 1, 2.0, "AdaLoRA of PEFT, ranks 12 to 8, all linear maps, our head, Trainer", {}
    ),
    "full": Method("rivals", "full", 1e-4, 6, 1, 2.0, "full fine-tuning, Trainer", {}),
    "smallest": Method("studies", "darse", 0, 26, 5, 0.9, "darse, objective smallest", {"objective": "smallest"}),
    "best": Method(
        "studies",
        "darse",
        0,
        28,
        6,
        0.9,
        "darse, objective best, with the budget of uniform rank 8",
        {"objective": "best", "budget": "uniform:8"},
    ),
    "best-quickstart": Method(
        "studies",
        "darse",
        0,
        26,
        6,
        0.9,
        "darse, objective best, with no more parameters than the quickstart's",
        {"objective": "best", "budget": "quickstart"},
    ),
    "greedy": Method(
        "studies",
        "darse",
        0,
        28,
        5,
        1.0,
        "the published greedy search (--preset paper, evaluator finetune), with the budget of uniform rank 8",
        {"objective": "best", "budget": "uniform:8", "preset": "paper"},
    ),
    "random": Method(
        "plans",
        "sampled",
        2e-3,
        22,
        1,
        0.9,
        "random plans within the budget of uniform rank 8, as many runs as `best` searched with, our engine",
        {"sampler": "random"},
        needs="best",
    ),
    "tpe": Method(
        "plans",
        "sampled",
        2e-3,
        22,
        1,
        0.9,
        "Optuna's TPE over the same plans, as many runs, our engine",
        {"sampler": "tpe"},
        needs="best",
    ),
}
DARSE = frozenset({"smallest", "best", "best-quickstart", "greedy"})
TENFOLD = "best"
"""The method that is cross-validated."""
