"""Settings and a task to what a study stands on: model, sites and budget, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel

from darse.data.example import LabelledData, Task
from darse.execute.bench import Bench
from darse.model.base import Base, body_parameters, find_base
from darse.ranks.budget import parse_budget
from darse.ranks.plan import Site
from darse.ranks.sites import find_sites, find_weights
from darse.settings import Settings
from darse.store.protocol import Store


@dataclass(frozen=True)
class Ground:
    """What a study stands on.

    Attributes:
        base: The base model's files.
        model: Its frozen classifier.
        sites: Where ranks are set.
        base_parameters: Parameters of the base model, without the head.
        budget: Upper bound of a plan's cost in parameters; None where none is set.
    """

    base: Base
    model: PreTrainedModel
    sites: tuple[Site, ...]
    base_parameters: int
    budget: int | None

    def bench(self, data: LabelledData, settings: Settings, store: Store, checkpoints: Path) -> Bench:
        """What trials on some data stand on; the model is the same one."""
        return Bench.around(
            self.model,
            base=self.base,
            data=data,
            settings=settings,
            store=store,
            checkpoints=checkpoints,
            sites=self.sites,
        )


def find_ground(settings: Settings, task: Task) -> Ground:
    """Load the base model and find its sites.

    Args:
        settings: Of the study.
        task: What is predicted.

    Raises:
        ModelError: The base model is not there, or is none that can be searched.
        PlanError: The granularity or the budget is impossible for it.
    """
    base = find_base(settings.model, trust_remote_code=settings.trust_remote_code)
    model = base.classifier(task)
    sites = find_sites(find_weights(model), settings.search.granularity)
    parameters, text = body_parameters(model), settings.search.budget
    budget = None if text is None else parse_budget(text, sites, parameters)
    return Ground(base, model, sites, parameters, budget)
