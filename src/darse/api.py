"""The Python side: explore a labelled source, look at what was found, use it."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray
from peft import LoraConfig

from darse.archive import find_result, open_archive
from darse.choice import choose_plan, choose_run
from darse.data.source import Source
from darse.errors import InputError
from darse.execute.user import UserFunction
from darse.names import folder_name, printable
from darse.plan_source import plan_as_config
from darse.publish import export_again, publish
from darse.score.scorer import AdapterScorer, Score, Scorer
from darse.search.identity import Opened
from darse.search.result import Result
from darse.search.sensitivity import SiteLoss
from darse.search.verdict import Verdict
from darse.settings import Evaluator, Options, Profile, settings_from_options
from darse.study.logged import logged
from darse.study.request import Audience, Request
from darse.study.run import run_study


@dataclass(frozen=True)
class FrontierPoint:
    """A plan that was looked at.

    Attributes:
        plan: Rank by site.
        cost: Trainable parameters.
        score: Search loss on validation, lower is better.
        origin: Who proposed it.
    """

    plan: Mapping[str, int]
    cost: int
    score: float
    origin: str


class Study:
    """A finished study.

    Attributes:
        result: Everything that was found.
        folder: Where its files are.
        store: Address of its store; None for the one in the folder.
        trust_remote_code: Whether code that comes with the base model may run.
    """

    def __init__(
        self, result: Result, folder: Path, store: str | None = None, *, trust_remote_code: bool = False
    ) -> None:
        self.result = result
        self.folder = folder
        self.store = store
        self.trust_remote_code = trust_remote_code

    @property
    def verdict(self) -> Verdict:
        """The judgement, with its controls."""
        return self.result.verdict

    @property
    def plan(self) -> dict[str, int]:
        """Rank by site."""
        return self._named(self.result.plan.ranks)

    @property
    def sensitivity(self) -> dict[str, list[SiteLoss]]:
        """What each site loses at each rank that was measured, by site; empty where the strategy measures none."""
        allocation = self.result.findings.allocate
        if allocation is None or allocation.sensitivity is None:
            return {}
        table: dict[str, list[SiteLoss]] = {site.name: [] for site in self.result.sites}
        for one in filter(lambda one: math.isfinite(one.loss), allocation.sensitivity.losses):
            table[self.result.sites[one.site].name].append(one)
        return table

    @property
    def frontier(self) -> list[FrontierPoint]:
        """Plans for which no cheaper one scores as well, cheapest first."""
        allocation = self.result.findings.allocate
        found: list[FrontierPoint] = []
        scored = [one for one in allocation.candidates if math.isfinite(one.score)] if allocation else []
        for one in sorted(scored, key=lambda one: (one.cost, one.score)):
            if not found or one.score < found[-1].score:
                found.append(FrontierPoint(self._named(one.plan.ranks), one.cost, one.score, one.origin))
        return found

    def export(
        self,
        path: str | Path,
        profile: Profile = "native",
        *,
        plan: str | None = None,
        base: str | None = None,
        data: Source | None = None,
    ) -> Path:
        """Write an adapter: `native`, `padded`, `merged` or `onnx`.

        Args:
            path: A folder; an earlier export there is replaced.
            profile: Kind of export.
            plan: A control instead of the found plan, if the study has it: `best-uniform`, `best-layer-wise`,
                `uniform-of-equal-cost`, `shuffled` or `head-alone`.
            base: Name or folder of the base model, if it is not where it was.
            data: Labelled rows for `onnx`, where those of the study are gone or were changed.

        Raises:
            InputError: The study has no such adapter, or the base model is gone or was changed.
            MissingExtraError: What exports ONNX is not installed.
        """
        with open_archive(self.folder, self.store) as archive:
            export_again(
                self.result,
                archive,
                Path(path),
                profile,
                plan=plan,
                base=base,
                data=data,
                trust_remote_code=self.trust_remote_code,
            )
        return Path(path)

    def lora_config(self, plan: str | None = None) -> LoraConfig:
        """The plan for a training script of one's own: a rank and a scaling for each module, no head.

        Args:
            plan: A control instead of the found plan, as in `export`.

        Raises:
            InputError: The study has no such plan, or it leaves every layer alone.
        """
        return plan_as_config(self.result, choose_plan(self.result, plan))

    def model(self, *, base: str | None = None) -> Predictor:
        """The adapter in the study's folder, ready to predict.

        Args:
            base: Name or folder of the base model, if it is not where it was.

        Raises:
            InputError: There is no adapter, or it is that of another study.
        """
        choose_run(self.result, choose_plan(self.result, None))
        settings, folder = self.result.settings, self.folder / "adapter"
        scorer = AdapterScorer.open(folder, base=base or settings.model, trust_remote_code=self.trust_remote_code)
        if scorer.manifest.about.get("study") != self.result.study:
            raise InputError(f"{folder} is of another study; export this one, and open that folder with Predictor.open")
        return Predictor(scorer)

    def _named(self, ranks: Sequence[int]) -> dict[str, int]:
        return {site.name: rank for site, rank in zip(self.result.sites, ranks, strict=True)}

    def __repr__(self) -> str:
        """Name, verdict and plan."""
        return f"<Study {self.result.name!r}: {self.verdict.verdict}, plan {self.result.plan}>"

    def _repr_html_(self) -> str:
        """A short table for notebooks."""
        rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{rank}</td></tr>" for name, rank in self.plan.items())
        return (
            f"<h4>{html.escape(self.result.name)}: {self.verdict.verdict}</h4>"
            f"<p>{html.escape(self.verdict.sentence)}</p>"
            f"<table><tr><th>site</th><th>rank</th></tr>{rows}</table>"
        )


class Predictor:
    """Predicts with an exported adapter.

    Attributes:
        scorer: The scorer.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    @classmethod
    def open(cls, folder: str | Path, *, base: str | None = None, trust_remote_code: bool = False) -> Predictor:
        """Load an adapter's folder.

        Args:
            folder: What `darse explore` or `export` wrote.
            base: Name or folder of the base model, if it is not where the adapter says.
            trust_remote_code: Whether code that comes with the base model may run.

        Raises:
            InputError: The adapter is damaged, or its base model cannot be found.
        """
        return cls(AdapterScorer.open(Path(folder), base=base, trust_remote_code=trust_remote_code))

    def predict(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> list[Score]:
        """Score, label and probabilities of each text."""
        return self.scorer.score(texts, targets)

    def scores(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Scores alone, shape (texts,), in the units of the training scores.

        Raises:
            InputError: The adapter was trained on classes alone, and what a class is worth only its user knows.
        """
        if not self.scorer.task.has_score:
            classes = ", ".join(map(printable, self.scorer.task.classes[:5]))
            raise InputError(
                f"this adapter predicts classes ({classes}) and no score; use predict, which has their probabilities"
            )
        return np.array([said.score for said in self.predict(texts, targets)], dtype=np.float64)


def explore(
    data: Source | None = None,
    *,
    out: str | Path | None = None,
    store: str | None = None,
    fresh: bool = False,
    evaluator: UserFunction | Evaluator | None = None,
    audience: Audience | None = None,
    **options: Unpack[Options],
) -> Study:
    """Find the best rank plan for labelled data, or the smallest that is not worse.

    Args:
        data: `demo`, a file, a hub data set name, a data frame or mappings; None with an `evaluator`.
        out: Folder of the study; named after the data by default.
        store: Address of the store; a file in the folder by default.
        fresh: Start anew even if the study is there.
        evaluator: `truncate` or `finetune`, or your own `f(ranks, seed, learning_rate) -> per-example losses`, for
            any task and any training (docs/own-evaluator.md).
        audience: Whom to tell while it runs; by default Python's logger `darse`. A warning says when the files of
            another study are replaced, and when your own evaluator's earlier runs are kept.
        **options: Any setting by its name: `model`, `text`, `label`, `score`, `target`, `split`, `group`, `budget`,
            `objective`, `granularity`, `strategy`, `seeds`, `seed`, `max_trials`, `max_minutes`, `epochs`, ...
            (darse.settings).

    Raises:
        InputError: Something given is wrong; the message says what and how to mend it.
    """
    function = evaluator if callable(evaluator) else None
    if (data is None) == (function is None):
        raise InputError("give either data or your own evaluator")
    settings = settings_from_options({**options, "evaluator": "finetune" if function else evaluator})
    folder = Path(out) if out is not None else Path(f"darse-{_name(data)}")
    request = Request(data, settings, folder, store, fresh, f"darse.explore({_name(data)!r}, ...)", function)
    finished = run_study(request, audience or replace(logged(), opened=partial(_warn, is_own=function is not None)))
    publish(finished, folder, store)
    return Study(finished.result, folder, store, trust_remote_code=settings.trust_remote_code)


def open_study(
    folder: str | Path, store: str | None = None, *, study: str | None = None, trust_remote_code: bool = False
) -> Study:
    """A finished study, read back; nothing is trained.

    Args:
        folder: What `explore` wrote.
        store: Address of the store; the file in the folder by default.
        study: Id of the study, or the beginning of it; by default the one whose verdict lies in the folder, and in a
            store at an address else the one of the folder's name.
        trust_remote_code: Whether code that comes with the base model may run when the study is asked for a model or
            an export; what is written in the folder does not count.

    Raises:
        InputError: There is no such study, or it is not finished.
        StoreError: The store cannot be read.
    """
    with open_archive(Path(folder), store) as archive:
        result = find_result(archive, Path(folder), study, address=store)
        return Study(result, Path(folder), store, trust_remote_code=trust_remote_code)


def _warn(opened: Opened, *, is_own: bool) -> None:
    told = ""
    if opened.changes:
        told = (
            "this is a new study, and its report and adapter replace those of the last one in the folder"
            f" ({'; '.join(opened.changes)}); give another out= to keep both"
        )
    elif opened.is_continued and is_own:
        told = (
            "this study was begun before with the same evaluator: its runs are kept, and the evaluator is only asked "
            "for those that are missing; fresh=True starts anew"
        )
    if told:
        warnings.warn(told, UserWarning, stacklevel=4)


def _name(data: Source | None) -> str:
    return folder_name(str(data)) if isinstance(data, str | Path) else "study"
