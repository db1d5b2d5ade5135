"""Finished studies written by hand: several shapes of model, task, verdict and mishap, with no model behind them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from darse.data.example import Columns, DataCheck, Rejected, Task
from darse.evaluate.metrics import ClassReport
from darse.ranks.plan import RankPlan, Site, Weight, cost
from darse.search.allocate import Allocation, Candidate
from darse.search.calibrate import Calibration
from darse.search.controls import controls_for
from darse.search.limits import limit_name
from darse.search.result import Origin, Quality, Result
from darse.search.scoring import SHORT_PART
from darse.search.sensitivity import Sensitivity, SiteLoss
from darse.search.stages import Findings
from darse.search.uniform import Coarse, Fine
from darse.search.verdict import Contender, Judgement, judge
from darse.search.verify import Verified
from darse.search.window import Depth
from darse.settings import Settings, parse_settings
from darse.store.trial import CurvePoint, EvaluatorName, Failure, Outcome, Trial, TrialSpec

MODULES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
RATE, EPOCHS, SEEDS, TOP = 2e-3, 6, 3, 16
SHORT = EPOCHS // SHORT_PART
_SHIFTS: dict[Judgement, float] = {"better": 0.03, "smaller": 0.0, "no_difference": -0.004, "worse": -0.05}


@dataclass(frozen=True)
class Shape:
    """What a sample study looks like."""

    depth: int = 6
    classes: tuple[str, ...] = ()
    has_score: bool = True
    has_target: bool = False
    by_module: bool = False
    verdict: Judgement = "smaller"
    evaluator: str = "truncate"
    is_user: bool = False
    failures: int = 0
    is_limited: bool = False
    uniform_rank: int = 0
    proxy: tuple[float | None, int] = (0.81, 8)


SHAPES: dict[str, Shape] = {
    "six layers, score": Shape(),
    "24 layers, classes": Shape(
        depth=24, classes=("negative", "neutral", "positive"), has_score=False, verdict="better", has_target=True
    ),
    "72 modules": Shape(depth=12, by_module=True, verdict="no_difference", proxy=(0.31, 9)),
    "joint task": Shape(classes=("bad", "good"), verdict="worse", proxy=(0.9, 3)),
    "own evaluator": Shape(is_user=True, evaluator="finetune", has_score=False, proxy=(None, 0)),
    "limited": Shape(is_limited=True, proxy=(None, 2)),
    "failures": Shape(failures=4, classes=("bad", "good"), has_score=False),
    "uniform found": Shape(uniform_rank=4, verdict="no_difference"),
    "smaller uniform found": Shape(uniform_rank=2, verdict="no_difference"),
}


def sites_of(shape: Shape) -> tuple[Site, ...]:
    weights = [
        Weight(f"bert.encoder.layer.{layer}.{name}", *_sides(name), layer)
        for layer in range(shape.depth)
        for name in MODULES
    ]
    if shape.by_module:
        return tuple(Site(f"layer {one.layer} {one.name.split('.', 4)[-1]}", (one,)) for one in weights)
    return tuple(
        Site(f"layer {layer}", tuple(one for one in weights if one.layer == layer)) for layer in range(shape.depth)
    )


@cache
def a_result(shape: Shape = Shape()) -> Result:
    """A finished study of a shape, the same values every time."""
    sites = sites_of(shape)
    plan = RankPlan.uniform(sites, shape.uniform_rank) if shape.uniform_rank else _peaked(sites)
    best = RankPlan.uniform(sites, 4)
    controls = controls_for(
        plan, sites, best_uniform=best, best_layer_wise=_peaked(sites), has_head=not shape.is_user, seed=0
    )
    controls = () if plan == best else controls
    trials = _trials(shape, sites, plan, [control.plan for control in controls])
    findings = _findings(shape, sites, plan, trials)
    findings = replace(
        findings,
        verify=Verified(
            plan,
            controls,
            tuple(range(SEEDS)),
            (RATE,) * (1 + len(controls)),
            *shape.proxy,
            _variants(plan) if shape.evaluator == "truncate" else (),
        ),
    )
    metric = "loss" if shape.is_user else "mse" if shape.has_score else "accuracy"
    base = np.clip(np.random.default_rng(1).normal(0.12, 0.05, (SEEDS, 300)), 0.001, None)
    spread = np.random.default_rng(2).normal(_SHIFTS[shape.verdict], 0.002, (SEEDS, 300))
    wide = np.random.default_rng(3).normal(0, 0.08, (SEEDS, 300)) if shape.verdict == "no_difference" else 0.0
    verdict = judge(
        plan,
        base,
        [Contender(control, base + spread + wide + 0.002 * place) for place, control in enumerate(controls)],
        sites=sites,
        metric=metric,
        split="valid" if shape.is_user else "test",
        margin=0.01,
        seed=0,
        ended_by=limit_name(_settings(shape).search) if shape.is_limited else "",
    )
    return Result(
        study="2af634d179fddc96",
        name="financial-headlines",
        origin=_origin(shape, sites),
        settings=_settings(shape),
        task=_task(shape),
        check=None if shape.is_user else _check(shape),
        sites=sites,
        findings=findings,
        plan=plan,
        cost=cost(plan, sites),
        verdict=verdict,
        quality=None if shape.is_user else _quality(shape, trials),
        trials=trials,
        stages=stages_of(trials, [plan, *(control.plan for control in controls)]),
        failures=tuple(
            Failure(_full(plan, 0), f"loss became infinite in epoch {place + 1}") for place in range(shape.failures)
        ),
        seconds=sum(trial.outcome.seconds for trial in trials),
        is_limited=shape.is_limited,
    )


def cut_short(result: Result, *, sites: int = 0) -> Result:
    """The study as a limit leaves it: one run of calibration and one of the plan, and a few sites measured."""
    found = result.findings
    assert found.calibrate is not None
    assert found.coarse is not None
    assert found.fine is not None
    assert found.allocate is not None
    assert found.verify is not None
    plan = RankPlan.uniform(result.sites, 1)
    runs = (_full(RankPlan.uniform(result.sites, TOP), 0), _full(plan, 0))
    trials = tuple(_trial(Shape(), result.sites, spec) for spec in runs)
    nothing = dict.fromkeys(found.fine.curve, math.inf)
    candidates = tuple(replace(one, score=math.inf) for one in found.allocate.candidates)
    sensitivity = found.allocate.sensitivity
    if sensitivity is not None:
        losses = tuple(
            one if one.site < sites else SiteLoss(one.site, one.rank, math.inf, -math.inf, math.inf)
            for one in sensitivity.losses
        )
        sensitivity = replace(sensitivity, losses=losses)
    quality = result.quality and replace(result.quality, trial=trials[1].id, seed=0, test_mean=result.quality.test)
    search = result.settings.search.model_copy(update={"max_trials": None, "max_minutes": 0.5})
    sentence = f"Nothing is shown. {limit_name(search)} ended the search early."
    return replace(
        result,
        settings=result.settings.model_copy(update={"search": search}),
        findings=Findings(
            replace(found.calibrate, noise_seeds=1, tried={1e-3: math.inf, RATE: 0.37, 4e-3: math.inf}),
            replace(found.coarse, curve=nothing),
            Fine(1, nothing),
            replace(found.allocate, candidates=candidates, finalists=candidates[:1], sensitivity=sensitivity),
            replace(
                found.verify,
                plan=plan,
                controls=(),
                learning_rates=(RATE,),
                proxy_correlation=None,
                proxy_plans=1,
            ),
        ),
        plan=plan,
        cost=cost(plan, result.sites),
        verdict=replace(result.verdict, verdict="no_difference", sentence=sentence, controls=()),
        quality=quality,
        trials=trials,
        stages=("calibrate", "verify"),
        failures=(),
        is_limited=True,
    )


def with_texts(result: Result, texts: Sequence[str]) -> Result:
    """The study with every text that can come from outside replaced by the given ones, in turn."""
    ring = [texts[place % len(texts)] for place in range(60)]
    check = result.check
    assert check is not None
    classes = tuple(ring[: len(result.task.classes)])
    sites = tuple(replace(site, name=ring[place % 60]) for place, site in enumerate(result.sites))
    counts = {split: dict(zip(classes, rows.values(), strict=True)) for split, rows in check.class_counts.items()}
    return replace(
        result,
        name=ring[3],
        origin=replace(result.origin, command=ring[4], source=ring[5], base_name=ring[6], versions={ring[7]: ring[8]}),
        settings=result.settings.model_copy(
            update={
                "data": result.settings.data.model_copy(update={"text": ring[9], "label_map": {ring[10]: ring[11]}})
            }
        ),
        task=replace(result.task, classes=classes),
        check=replace(
            check,
            source=ring[12],
            columns=replace(check.columns, text=ring[13], label=ring[14], target=ring[15]),
            rejected=dict.fromkeys(texts, 3),
            rejected_rows=tuple(Rejected(place, text) for place, text in enumerate(texts)),
            class_counts=counts,
            warnings=tuple(texts),
        ),
        sites=sites,
        failures=tuple(Failure(_full(result.plan, 0), text) for text in texts),
        trials=tuple(
            replace(trial, outcome=replace(trial.outcome, metrics={**trial.outcome.metrics, ring[20]: 0.5}))
            for trial in result.trials
        ),
    )


def with_many_trials(result: Result, amount: int) -> Result:
    """The study with as many trials as wanted, most of them cut from a run at one site or another."""
    cuts = [trial for trial in result.trials if trial.spec.evaluator == "truncate"]
    missing = range(amount - len(result.trials))
    more = [replace(cuts[place % len(cuts)], id=_digest("more", place)) for place in missing]
    first = result.trials.index(cuts[0])
    stages = (*result.stages[:first], *["coarse"] * len(more), *result.stages[first:])
    return replace(result, trials=(*result.trials[:first], *more, *result.trials[first:]), stages=stages)


def _sides(module: str) -> tuple[int, int]:
    return {"intermediate.dense": (384, 1536), "output.dense": (1536, 384)}.get(module, (384, 384))


def _lowest_layer(site: Site) -> int:
    return min(weight.layer for weight in site.weights)


def _peaked(sites: Sequence[Site]) -> RankPlan:
    """Ranks around the middle of the depth."""
    depth = 1 + max(_lowest_layer(site) for site in sites)
    return RankPlan.of(
        4 if abs(_lowest_layer(site) - depth / 2 + 0.5) < depth / 6 + place % 2 * 0.1 and place % 3 < 2 else 0
        for place, site in enumerate(sites)
    )


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _noise(*parts: object) -> float:
    return int(_digest(*parts)[:8], 16) / 2**32 - 0.5


def _score(plan: RankPlan, sites: Sequence[Site], spec: TrialSpec) -> float:
    depth = 1 + max(_lowest_layer(site) for site in sites)
    worth = [math.exp(-(((_lowest_layer(site) + 0.5) / depth - 0.5) ** 2) / 0.02) for site in sites]
    gain: float = sum(one * (1 - math.exp(-rank / 1.1)) for one, rank in zip(worth, plan, strict=True)) / sum(worth)
    rate = 0.05 * abs(math.log(max(spec.learning_rate, 1e-9) / RATE)) if spec.learning_rate else 0.0
    haste = 0.03 if spec.epochs == SHORT else 0.0
    luck = 0.012 * _noise("seed", spec.seed) + 0.006 * _noise("plan", str(plan))
    return 0.62 - 0.25 * math.pow(gain, 0.3) + rate + haste + luck


def _trial(shape: Shape, sites: Sequence[Site], spec: TrialSpec) -> Trial:
    score = _score(spec.plan, sites, spec)
    trained = spec.evaluator == "finetune"
    curve = tuple(
        CurvePoint(epoch, 0.9 * 0.7**epoch + 0.02 * _noise(spec, epoch), score + 0.3 * 0.4**epoch)
        for epoch in range(1, spec.epochs + 1)
    )
    seconds = 40.0 + 9 * _noise("time", spec) if trained else 1.25
    metrics = {"loss": score} if shape.is_user else _metrics(shape, 0.01 * _noise("metric", spec))
    losses = _digest("losses", spec) * 2
    outcome = Outcome(score, metrics, losses, curve if trained and not shape.is_user else (), {}, seconds)
    return Trial(_digest(spec), spec, outcome)


def _metrics(shape: Shape, shift: float) -> dict[str, float]:
    found: dict[str, float] = {}
    if shape.classes:
        found |= {"accuracy": 0.861 + shift, "macro_f1": 0.842 + shift, "ece": 0.031 - shift}
    if shape.has_score:
        found |= {"mse": 0.081 + shift, "mae": 0.21, "r2": 0.57, "pearson": 0.76, "spearman": 0.74}
        found |= {"sign_accuracy": 0.88}
    return found


def _trials(shape: Shape, sites: Sequence[Site], plan: RankPlan, controls: Iterable[RankPlan]) -> tuple[Trial, ...]:
    top = RankPlan.uniform(sites, TOP)
    runs = [_full(top, 0, rate) for rate in (1e-3, RATE, 4e-3)] + [_full(top, seed) for seed in range(1, SEEDS)]
    parent = _digest(_full(top, 0))
    plans = [RankPlan.uniform(sites, rank) for rank in (1, 2, 4, 8, 16, 3)]
    plans += [top.replace(site, rank) for site in range(len(sites)) for rank in (0, 1, 4)]
    name: EvaluatorName = "truncate"
    if shape.evaluator == "truncate":
        runs += [TrialSpec(one, 0, 0.0, 0, name, (parent,)) for one in dict.fromkeys(plans)]
        runs += [TrialSpec(one, 0, RATE, SHORT) for one, _ in _candidates(sites, plan)]
    else:
        runs += [_full(one, 0) for one in dict.fromkeys(plans)]
    runs += [_full(one, seed) for seed in range(SEEDS) for one in (plan, *controls)]
    runs += _variants(plan) if shape.evaluator == "truncate" else ()
    return tuple(_trial(shape, sites, spec) for spec in dict.fromkeys(runs))


def stages_of(trials: Sequence[Trial], proved: Collection[RankPlan]) -> tuple[str, ...]:
    """The stages that a search would have asked for trials in, if the plans that were proved are these."""
    return tuple(_stage_of(trial.spec, proved) for trial in trials)


def _stage_of(spec: TrialSpec, proved: Collection[RankPlan]) -> str:
    ranks = set(spec.plan)
    is_full = spec.epochs == EPOCHS and spec.evaluator == "finetune"
    if is_full and (spec.learning_rate != RATE or ranks == {TOP}):
        return "calibrate"
    if spec.evaluator == "recover" or (is_full and spec.plan in proved):
        return "verify"
    if len(ranks) == 1 and spec.epochs != SHORT:
        return "fine" if ranks == {3} else "coarse"
    return "allocate"


def _variants(plan: RankPlan) -> tuple[TrialSpec, TrialSpec]:
    """The mean of the plan's runs, and its recovered cut."""
    own = tuple(_digest(_full(plan, seed)) for seed in range(SEEDS))
    return (
        TrialSpec(plan, 0, 0.0, 0, "recover", own),
        TrialSpec(plan, 0, RATE, EPOCHS // 2, "recover", (_digest("calibrated"),)),
    )


def _full(plan: RankPlan, seed: int, rate: float = RATE) -> TrialSpec:
    return TrialSpec(plan, seed, rate, EPOCHS)


def _candidates(sites: Sequence[Site], plan: RankPlan) -> list[tuple[RankPlan, str]]:
    wider = RankPlan.of(2 * rank for rank in plan)
    lower = RankPlan.of(min(rank, 2) for rank in plan)
    ends = RankPlan.of(4 if place in (0, len(sites) - 1) else 0 for place in range(len(sites)))
    found = [(plan, "knapsack"), (wider, "window"), (lower, "knapsack"), (ends, "window")]
    return found + [(RankPlan.uniform(sites, rank), "uniform") for rank in (1, 2, 4)]


def _findings(shape: Shape, sites: Sequence[Site], plan: RankPlan, trials: Sequence[Trial]) -> Findings:
    top = RankPlan.uniform(sites, TOP)
    curve = {rank: _score(RankPlan.uniform(sites, rank), sites, _full(top, 0)) for rank in (1, 2, 4, 8, 16)}
    parents = tuple(trial.id for trial in trials if trial.spec in {_full(top, seed) for seed in range(SEEDS)})
    candidates = tuple(
        Candidate(one, cost(one, sites), _score(one, sites, _full(top, 0)), origin)
        for one, origin in _candidates(sites, plan)
    )
    base = _score(top, sites, _full(top, 0))
    losses = tuple(
        SiteLoss(site, rank, loss, loss - 0.004, loss + 0.005)
        for site in range(len(sites))
        for rank in (0, 1, 4)
        for loss in [_score(top.replace(site, rank), sites, _full(top, 0)) - base]
    )
    table = tuple({one.rank: one.loss for one in losses if one.site == site} for site in range(len(sites)))
    budget = cost(RankPlan.uniform(sites, 4), sites)
    return Findings(
        Calibration(RATE, 0.0121, SEEDS, TOP, {1e-3: 0.41, RATE: 0.372, 4e-3: 0.405}, parents, float(TOP)),
        Coarse(2, 4, curve),
        Fine(4, curve | {3: _score(RankPlan.uniform(sites, 3), sites, _full(top, 0))}),
        Allocation(
            budget,
            candidates[:3],
            candidates,
            None if shape.is_user else Sensitivity(top, losses, table),
            _depth(len(sites)) if shape.evaluator == "truncate" else None,
        ),
    )


def _depth(sites: int) -> Depth:
    third = -(-sites // 3)
    return Depth((third, 2 * third), (0, third), 0.05, False, (third, sites - 1))


def _origin(shape: Shape, sites: Sequence[Site]) -> Origin:
    return Origin(
        command="darse search headlines.csv --score sentiment --out financial-headlines",
        source="" if shape.is_user else "headlines.csv",
        data_digest="" if shape.is_user else "af2b0ad7" * 8,
        base_name="sentence-transformers/all-MiniLM-L6-v2",
        base_digest="8ce60264" * 8,
        base_parameters=22_713_216,
        head_parameters=0 if shape.is_user else 148_225,
        versions={"darse": "0.1.0", "torch": "2.13.0", "peft": "0.21.2"},
        started=1_795_470_331.0,
    )


def _settings(shape: Shape) -> Settings:
    search = {
        "evaluator": shape.evaluator,
        "granularity": "module" if shape.by_module else "layer",
        "seeds": SEEDS,
        "max_rank": TOP,
        "strategy": "greedy" if shape.is_user else "auto",
        "max_trials": 12 if shape.is_limited else None,
    }
    return parse_settings({"search": search, "train": {"epochs": EPOCHS}})


def _task(shape: Shape) -> Task:
    if shape.is_user:
        return Task()
    scored = {"score_mean": 0.02, "score_sd": 0.44, "score_low": -0.95, "score_high": 0.97} if shape.has_score else {}
    return Task(shape.classes, shape.has_score, shape.has_target, **scored)


def _check(shape: Shape) -> DataCheck:
    rows = {"train": 2010, "valid": 431, "test": 430}
    counts = {
        split: {name: amount // (place + 2) for place, name in enumerate(shape.classes)}
        for split, amount in rows.items()
    }
    return DataCheck(
        source="headlines.csv",
        columns=Columns("headline", "label" if shape.classes else None, "sentiment", guessed=("text",)),
        rows=2890,
        kept=2871,
        rejected={"the score is not a number": 12, "the text is empty": 3},
        rejected_rows=(Rejected(17, "the score is not a number"),),
        duplicates=4,
        conflicts=0,
        split_rows=rows,
        split_origin="made",
        class_counts=counts if shape.classes else {},
        score_quantiles=(-0.95, -0.31, 0.02, 0.42, 0.97) if shape.has_score else (),
        warnings=("3.2 % of the texts are longer than 128 tokens and are cut",),
        tokens={"median": 31, "p95": 74, "max": 190, "limit": 128, "truncated": 92},
    )


def _quality(shape: Shape, trials: Sequence[Trial]) -> Quality:
    size = len(shape.classes)
    confusion = tuple(tuple(120 if row == column else 9 + 4 * column for column in range(size)) for row in range(size))
    parts = tuple(0.8 + 0.03 * place for place in range(size))
    report = ClassReport(parts, parts, parts, confusion) if size else None
    best = trials[-1]
    return Quality(best.id, best.spec.seed, _metrics(shape, 0.004), _metrics(shape, 0), _metrics(shape, -0.002), report)
