"""A finished study in one value: what verdict.json, the report and the Python API are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter, ValidationError

from darse.data.example import DataCheck, Task
from darse.errors import StoreError
from darse.evaluate.metrics import ClassReport
from darse.packages import recorded_versions
from darse.ranks.plan import RankPlan, Site
from darse.search.history import is_run
from darse.search.limits import SHARES, runs_made
from darse.search.stages import Findings
from darse.search.verdict import Verdict
from darse.settings import SearchSettings, Settings
from darse.store.trial import Failure, Trial

if TYPE_CHECKING:
    from darse.model.base import Base


@dataclass(frozen=True)
class Origin:
    """What reproduces a study.

    Attributes:
        command: The command line, or the call.
        source: The labelled source as the user named it.
        data_digest: SHA-256 over the examples and their splits.
        base_name: Name of the base model.
        base_digest: SHA-256 over its weights.
        base_parameters: Its parameters, the head left out.
        head_parameters: Parameters of the head, which every plan trains.
        versions: Version by package.
        started: Seconds since 1970 (UTC).
    """

    command: str
    source: str
    data_digest: str
    base_name: str
    base_digest: str
    base_parameters: int
    head_parameters: int
    versions: Mapping[str, str]
    started: float

    @classmethod
    def of(
        cls,
        base: Base,
        *,
        command: str,
        source: str,
        data_digest: str,
        base_parameters: int,
        head_parameters: int,
        started: float,
    ) -> Origin:
        """What reproduces work on a base model with the packages that are installed."""
        return cls(
            command=command,
            source=source,
            data_digest=data_digest,
            base_name=base.name,
            base_digest=base.digest,
            base_parameters=base_parameters,
            head_parameters=head_parameters,
            versions=recorded_versions(),
            started=started,
        )


@dataclass(frozen=True)
class Quality:
    """How good the exported adapter is.

    Attributes:
        trial: Id of its trial.
        seed: Number of its seed; 0 for one made from several runs.
        valid: Metrics on validation.
        test: Metrics on test.
        test_mean: Metrics on test, mean over the seeds of the plan.
        classes: Quality by class on test; None without classes.
    """

    trial: str
    seed: int
    valid: Mapping[str, float]
    test: Mapping[str, float]
    test_mean: Mapping[str, float]
    classes: ClassReport | None


@dataclass(frozen=True)
class Result:
    """A finished study.

    Attributes:
        study: Its id.
        name: What people call it.
        origin: What reproduces it.
        settings: All settings.
        task: What is predicted.
        check: What was found in the data.
        sites: Where ranks are set.
        findings: Of every stage.
        plan: The plan that was found.
        cost: Its trainable parameters.
        verdict: The judgement.
        quality: Of the exported adapter; None for a user's own evaluator.
        trials: Every finished trial, in the order asked.
        stages: The stage that asked for each trial first; empty for one that the search no longer asks for.
        failures: Every failed trial, with its reason.
        seconds: Seconds of evaluation in all, those of failed trials included.
        is_limited: Whether a limit ended the search early.
    """

    __pydantic_config__ = ConfigDict(ser_json_inf_nan="strings")

    study: str
    name: str
    origin: Origin
    settings: Settings
    task: Task
    check: DataCheck | None
    sites: tuple[Site, ...]
    findings: Findings
    plan: RankPlan
    cost: int
    verdict: Verdict
    quality: Quality | None
    trials: tuple[Trial, ...]
    stages: tuple[str, ...]
    failures: tuple[Failure, ...]
    seconds: float
    is_limited: bool

    @property
    def exported_trial(self) -> Trial:
        """The trial whose adapter is exported; a study with a user's own evaluator has none."""
        assert self.quality is not None, "an own evaluator leaves no adapter"
        return next(trial for trial in self.trials if trial.id == self.quality.trial)

    def can_grow(self, limits: SearchSettings) -> bool:
        """Whether the same search within other limits could add to this one and take nothing from it.

        One that ran to its end cannot grow. One that a limit has ended can where a limit is raised or dropped and no
        limit is lower than before; one that was not there before has to leave room for all that was done.
        """
        runs = runs_made(self.trials, self.failures)
        before, share = self.settings.search, min(SHARES.values())
        pairs = (
            (before.max_trials, limits.max_trials, runs / share),
            (before.max_minutes, limits.max_minutes, self.seconds / 60 / share),
        )
        is_raised = any(was is not None and (now is None or now > was) for was, now, _ in pairs)
        is_lower = any(now is not None and now < (done if was is None else was) for was, now, done in pairs)
        return self.is_limited and is_raised and not is_lower

    def to_json(self) -> bytes:
        """All of it as JSON."""
        return _adapter().dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> Result:
        """The inverse of `to_json`.

        Raises:
            StoreError: The content is of another version of the package.
        """
        try:
            return _adapter().validate_json(content)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "its beginning"
            raise StoreError(
                f"the study's result is of another version of darse ({where}: {problem['msg']}); "
                "run its command again, which writes it anew"
            ) from error

    def verdict_json(self) -> dict[str, object]:
        """The content of verdict.json (docs/formats.md)."""
        calibration, verified = self.findings.calibrate, self.findings.verify
        assert calibration is not None
        assert verified is not None
        return {
            "verdict": self.verdict.verdict,
            "sentence": self.verdict.sentence,
            "metric": self.verdict.metric,
            "split": self.verdict.split,
            "level": asdict(self.verdict.level),
            "plan": {site.name: rank for site, rank in zip(self.sites, self.plan, strict=True)},
            "cost": self.cost,
            "base_parameters": self.origin.base_parameters,
            "head_parameters": self.origin.head_parameters,
            "learning_rate": verified.learning_rates[0],
            "noise_floor": calibration.noise_floor,
            "proxy_correlation": verified.proxy_correlation,
            "proxy_plans": verified.proxy_plans,
            "margin": self.settings.search.margin,
            "seeds": len(verified.seeds),
            "controls": [
                {
                    "name": one.name,
                    "plan": {site.name: rank for site, rank in zip(self.sites, one.plan, strict=True)},
                    "cost": one.cost,
                    "effect": one.effect,
                    "low": one.low,
                    "high": one.high,
                    "margin": one.margin,
                    "seeds": one.seeds,
                }
                for one in self.verdict.controls
            ],
            "valid": dict(self.quality.valid) if self.quality else {},
            "test": dict(self.quality.test) if self.quality else {},
            "test_mean": dict(self.quality.test_mean) if self.quality else {},
            "trials": len(self.trials),
            "runs": sum(is_run(trial.spec) for trial in self.trials),
            "seconds": round(self.seconds, 1),
            "limited": self.is_limited,
            "study": self.study,
            "data_sha256": self.origin.data_digest,
            "base": self.origin.base_name,
            "base_sha256": self.origin.base_digest,
        }


@cache
def _adapter() -> TypeAdapter[Result]:
    return TypeAdapter(Result)
