"""A result to the sections of the page, in reading order: the verdict's evidence first, the fine print last."""

from __future__ import annotations

import math
from collections.abc import Callable

from darse.amounts import plural
from darse.ranks.plan import is_uniform
from darse.report.data_charts import balance_chart, confusion_chart
from darse.report.facts import (
    Found,
    NamedPlan,
    exported_words,
    found,
    has_proxy,
    named_plans,
    seeds_that_ran,
    trial_kind,
)
from darse.report.glossary import GLOSSARY
from darse.report.parts import Chart, Columns, Notes, Pairs, Part, Section
from darse.report.remarks import depth_words, gap_words, level_words, no_controls_words, proxy_words, why_missing
from darse.report.search_charts import frontier_chart, frontier_table, training_chart, trajectory_chart, uniform_chart
from darse.report.site_charts import cut_chart, left_out_chart
from darse.report.tables import (
    class_table,
    data_pairs,
    data_tables,
    failure_table,
    origin_pairs,
    quality_table,
    settings_table,
    trial_table,
)
from darse.report.verdict_charts import effect_chart, module_chart, rank_chart
from darse.report.words import SEARCH_LOSS, metric_words
from darse.search.result import Result


def sections(result: Result) -> tuple[Section, ...]:
    """All sections that have something to show."""
    parts, plans, stages = found(result), named_plans(result), result.stages
    builders: tuple[Callable[[], Section], ...] = (
        lambda: _effects(result),
        lambda: _ranks(result, plans),
        lambda: _uniform(result, parts),
        lambda: _frontier(result, parts, plans),
        lambda: _sensitivity(result, parts),
        lambda: _course(result, plans, stages),
        lambda: _quality(result),
        lambda: _data(result),
        lambda: _trials(result, stages),
        lambda: _failures(result),
        _glossary,
        lambda: _reproduce(result),
    )
    return tuple(build() for build in builders)


def _effects(result: Result) -> Section:
    lead = (
        f"How the found plan compares with plans that it has to beat, in {metric_words(result.verdict.metric)} on "
        f"{result.verdict.split}, with equal seeds, each at the learning rate of its rank."
    )
    part: Part = effect_chart(result.verdict) if result.verdict.controls else Notes(no_controls_words(result))
    return Section("effects", "Is the difference real?", lead, (part,))


def _ranks(result: Result, plans: tuple[NamedPlan, ...]) -> Section:
    lead = "Which rank each site of the model gets, from input to output, in the found plan and in every control."
    varied = [plan for plan in plans if plan is plans[0] or not is_uniform(plan.plan, result.sites)]
    matrices = [module_chart(plan, result.sites) for plan in varied]
    charts = [chart for chart in matrices if chart is not None] or [rank_chart(plans, result.sites)]
    where = depth_words(result)
    notes = (Notes((where,)),) if where else ()
    return Section("ranks", "Which layer gets which rank", lead, (*charts, *notes))


def _uniform(result: Result, parts: Found) -> Section:
    lead = "How much rank the data can use when every site gets the same: the coarse and the fine stage of the search."
    part = uniform_chart(parts) or Notes((f"Not measured: {why_missing(result)}",))
    return Section("uniform", "Quality over uniform rank", lead, (part,))


def _frontier(result: Result, parts: Found, plans: tuple[NamedPlan, ...]) -> Section:
    lead = "The candidates of the search, by their size and their loss on validation, and the plans trained in full."
    is_cut = has_proxy(result)
    notes = Notes((proxy_words(result),))
    chart = frontier_chart(parts, plans, is_cut=is_cut)
    if chart is not None:
        return Section("frontier", "Quality over size", lead, (chart, notes))
    alone = Notes(("One plan alone was trained, so there is no size to compare it with.",))
    table = frontier_table(parts, plans, is_cut=is_cut)
    return Section("frontier", "Quality over size", lead, (alone, notes, table))


def _sensitivity(result: Result, parts: Found) -> Section:
    title = "What each site is worth"
    sensitivity = parts.allocate.sensitivity
    if sensitivity is None or not sensitivity.losses:
        lead = f"Strategy {result.settings.search.strategy} does not measure sites one by one: nothing to show."
        return Section("sensitivity", title, lead, ())
    lead = "What the model loses when one site alone is cut and all others keep their rank; more loss, more worth."
    charts = (
        left_out_chart(sensitivity, result.sites),
        cut_chart(sensitivity, result.sites, noise=parts.calibrate.noise_floor),
    )
    if charts == (None, None):
        return Section("sensitivity", title, lead, (Notes((f"Not measured: {why_missing(result)}",)),))
    gaps = [one for one in sensitivity.losses if not math.isfinite(one.loss)]
    why = (f"Not measured for some sites or ranks: {why_missing(result)}",) if gaps else ()
    caveat = Notes(
        (
            "Sites make up for each other, so these losses do not add up. They guide the search; the verdict does "
            "not rest on them.",
            *why,
        )
    )
    return Section("sensitivity", title, lead, (*(chart for chart in charts if chart is not None), caveat))


def _course(result: Result, plans: tuple[NamedPlan, ...], stages: tuple[str, ...]) -> Section:
    lead = "How the search went, trial by trial, and how the runs behind the verdict were learning."
    kinds = [trial_kind(trial, result) for trial in result.trials]
    curves = [training_chart(plans, of_training=True), training_chart(plans, of_training=False)]
    shown: tuple[Chart, ...] = tuple(chart for chart in curves if chart is not None)
    parts: list[Part] = [trajectory_chart(result.trials, stages, kinds)]
    parts += [Columns(shown)] if shown else [Notes(("No training curves: no run reports more than one epoch.",))]
    return Section("course", "How the search went", lead, tuple(parts))


def _quality(result: Result) -> Section:
    title, quality = "Quality on test", result.quality
    if quality is None:
        lead = (
            "The plans were scored by the user's own evaluator, so there is no test split and no adapter to judge here."
        )
        return Section("quality", title, lead, ())
    lead = (
        f"The adapter that is exported (trial {quality.trial[:8]}: {exported_words(result)}), judged once on rows that "
        "nothing was chosen by."
    )
    seeds = len(seeds_that_ran(result))
    parts: list[Part] = [quality_table(quality, seeds)]
    remarks = tuple(filter(None, (level_words(result), gap_words(result))))
    if remarks:
        parts.append(Notes(remarks))
    if quality.classes is not None:
        parts += [class_table(quality.classes, result.task), confusion_chart(quality.classes, result.task)]
    return Section("quality", title, lead, tuple(parts))


def _data(result: Result) -> Section:
    title, check = "Data check", result.check
    if check is None:
        lead = "The user's own evaluator holds the data; nothing was read here."
        return Section("data", title, lead, ())
    lead = "What was found in the labelled source: what was kept, what was left out and why."
    parts: list[Part] = []
    if check.warnings:
        parts.append(Notes(check.warnings, is_caution=True))
    parts += [data_pairs(check), Columns(data_tables(check))]
    if check.class_counts:
        parts.append(balance_chart(check))
    return Section("data", title, lead, tuple(parts))


def _trials(result: Result, stages: tuple[str, ...]) -> Section:
    most = max(max(trial.spec.plan) for trial in result.trials)
    lead = (
        f"All {plural(len(result.trials), 'trial')} in the order asked; press a heading to sort. Ranks are in the "
        f"order of the sites, and {len(result.sites)}×{most} stands for {len(result.sites)} sites of rank {most}; the "
        f"{SEARCH_LOSS} is what the search makes small."
    )
    return Section("trials", "Every trial", lead, (trial_table(result, stages),))


def _failures(result: Result) -> Section:
    if not result.failures:
        return Section("failures", "Failures", "No trial failed; every one of them gave a score.", ())
    lead = f"{plural(len(result.failures), 'trial')} gave no score; the search went on without."
    return Section("failures", "Failures", lead, (failure_table(result),))


def _glossary() -> Section:
    return Section("glossary", "Words", "What the words of this report mean, one line each.", (Pairs(GLOSSARY),))


def _reproduce(result: Result) -> Section:
    lead = "The same command, data, base model and versions give the same study; on one CPU to the last bit."
    if result.settings.search.max_minutes is not None:
        lead = (
            "The same command, data, base model and versions give the same trials to the last bit on one CPU, but not "
            "always the same study: with --max-minutes, which trials are made depends on the machine's speed."
        )
    return Section("reproduce", "Reproduce", lead, (origin_pairs(result), settings_table(result)))
