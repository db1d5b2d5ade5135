"""A shrunk adapter in one value: what shrink.json, the model card and the summary are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from darse.data.example import DataCheck, Task
from darse.ranks.plan import RankPlan, Site
from darse.search.result import Origin, Quality
from darse.search.sensitivity import SiteLoss
from darse.search.verdict import Verdict
from darse.settings import Settings
from darse.shrink.candidate import WeighedCut

Method = Literal["cut", "recovered", "uncut"]


@dataclass(frozen=True)
class Shrunk:
    """What came of an adapter.

    Attributes:
        study: Id of the work in the store.
        adapter: The adapter as the user named it.
        adapter_digest: SHA-256 over its values and config.
        origin: What reproduces the work.
        settings: All settings.
        task: What is predicted, classes in the order of the head.
        check: What was found in the data.
        sites: What got one rank.
        modules: The adapted modules, one site each.
        stored: Rank of each module before.
        plan: Rank of each module now.
        cost: Its parameters.
        stored_cost: Parameters before.
        method: `cut` (by SVD alone), `recovered` (and trained on), or `uncut` where nothing smaller holds.
        verdict: The judgement on test.
        quality: Of the exported adapter.
        uncut: Metrics of the uncut adapter by split.
        losses: What single cuts add to the validation loss, `site` an index of `sites`.
        candidates: Every plan that was weighed, the uncut adapter first.
        seeds: How many times the plan was trained on; 0 for a cut.
        trials: How many plans were scored or trained.
        seconds: Seconds of their work.
    """

    study: str
    adapter: str
    adapter_digest: str
    origin: Origin
    settings: Settings
    task: Task
    check: DataCheck
    sites: tuple[Site, ...]
    modules: tuple[Site, ...]
    stored: RankPlan
    plan: RankPlan
    cost: int
    stored_cost: int
    method: Method
    verdict: Verdict
    quality: Quality
    uncut: Mapping[str, Mapping[str, float]]
    losses: tuple[SiteLoss, ...]
    candidates: tuple[WeighedCut, ...]
    seeds: int
    trials: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        """The content of shrink.json; fields that verdict.json has too mean the same (docs/shrink.md)."""
        return {
            "verdict": self.verdict.verdict,
            "sentence": self.verdict.sentence,
            "metric": self.verdict.metric,
            "split": self.verdict.split,
            "level": asdict(self.verdict.level),
            "method": self.method,
            "plan": self._named(self.plan),
            "cost": self.cost,
            "uncut_plan": self._named(self.stored),
            "uncut_cost": self.stored_cost,
            "base_parameters": self.origin.base_parameters,
            "head_parameters": self.origin.head_parameters,
            "margin": self.settings.search.margin,
            "seeds": self.seeds,
            "controls": [{**asdict(one), "plan": self._named(one.plan)} for one in self.verdict.controls],
            "valid": dict(self.quality.valid),
            "test": dict(self.quality.test),
            "test_mean": dict(self.quality.test_mean),
            "uncut_valid": dict(self.uncut["valid"]),
            "uncut_test": dict(self.uncut["test"]),
            "candidates": [
                {"cost": one.cost, "origins": list(one.origins), "loss": one.loss, "increase": one.increase,
                 "low": one.low, "high": one.high, "holds": one.holds, "ranks": list(one.plan)}
                for one in self.candidates
            ],
            "classes": list(self.task.classes),
            "trials": self.trials,
            "seconds": round(self.seconds, 1),
            "study": self.study,
            "adapter": self.adapter,
            "adapter_sha256": self.adapter_digest,
            "data_sha256": self.origin.data_digest,
            "base": self.origin.base_name,
            "base_sha256": self.origin.base_digest,
        }  # fmt: skip

    def _named(self, plan: RankPlan) -> dict[str, int]:
        return {module.name: rank for module, rank in zip(self.modules, plan, strict=True)}
