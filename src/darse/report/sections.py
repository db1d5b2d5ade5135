"""A result to the sections of the page, in reading order: the verdict's evidence first, the fine print last."""

from __future__ import annotations

from collections.abc import Callable

from darse.report.data_charts import balance_chart, confusion_chart
from darse.report.facts import Found, NamedPlan, found, named_plans, proxy_words, trial_kind
from darse.report.parts import Chart, Columns, Notes, Part, Section
from darse.report.search_charts import frontier_chart, training_chart, trajectory_chart, uniform_chart
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
from darse.report.trial_stages import trial_stages
from darse.report.verdict_charts import effect_chart, module_chart, rank_chart
from darse.report.words import metric_words, plural
from darse.search.result import Result


def sections(result: Result) -> tuple[Section, ...]:
    """All sections that have something to show."""
    parts, plans, stages = found(result), named_plans(result), trial_stages(result)
    builders: tuple[Callable[[], Section], ...] = (
        lambda: _effects(result),
        lambda: _ranks(result, plans),
        lambda: _uniform(parts),
        lambda: _frontier(result, parts, plans),
        lambda: _sensitivity(result, parts),
        lambda: _course(result, plans, stages),
        lambda: _quality(result),
        lambda: _data(result),
        lambda: _trials(result, stages),
        lambda: _failures(result),
        lambda: _reproduce(result),
    )
    return tuple(build() for build in builders)


def _effects(result: Result) -> Section:
    lead = (
        f"How the found plan compares with plans that it has to beat, in {metric_words(result.verdict.metric)} on "
        f"{result.verdict.split}, with equal seeds and the same learning rate."
    )
    part: Part
    if result.verdict.controls:
        part = effect_chart(result.verdict)
    else:
        missing = "no control was trained before the search ended, so nothing is proved about the plan."
        same = "the plan that was found is itself the best uniform plan."
        part = Notes((f"There is no control to compare with: {missing if found(result).verify.controls else same}",))
    return Section("effects", "Is the difference real?", lead, (part,))


def _ranks(result: Result, plans: tuple[NamedPlan, ...]) -> Section:
    lead = "Which rank each site of the model gets, in the found plan and in its controls, from input to output."
    varied = [plan for plan in plans if plan is plans[0] or not plan.plan.is_uniform]
    matrices = [module_chart(plan, result.sites) for plan in varied]
    charts = [chart for chart in matrices if chart is not None] or [rank_chart(plans, result.sites)]
    return Section("ranks", "Which layer gets which rank", lead, tuple(charts))


def _uniform(parts: Found) -> Section:
    lead = "How much rank the data can use when every site gets the same: the coarse and the fine stage of the search."
    return Section("uniform", "Quality over uniform rank", lead, (uniform_chart(parts),))


def _frontier(result: Result, parts: Found, plans: tuple[NamedPlan, ...]) -> Section:
    lead = "The candidates of the search, by their size and their loss on validation, and the plans trained in full."
    notes = Notes((proxy_words(result),))
    return Section(
        "frontier",
        "Quality over size",
        lead,
        (frontier_chart(parts, plans, is_short=result.settings.search.evaluator != "finetune"), notes),
    )


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
    caveat = Notes(
        (
            "Sites make up for each other, so these losses do not add up. They guide the search; the verdict does "
            "not rest on them.",
        )
    )
    return Section("sensitivity", title, lead, (*(chart for chart in charts if chart is not None), caveat))


def _course(result: Result, plans: tuple[NamedPlan, ...], stages: tuple[str, ...]) -> Section:
    lead = "How the search went, trial by trial, and how the runs behind the verdict were learning."
    kinds = [trial_kind(trial, result) for trial in result.trials]
    curves = [training_chart(plans, of_training=True), training_chart(plans, of_training=False)]
    shown: tuple[Chart, ...] = tuple(chart for chart in curves if chart is not None)
    parts: list[Part] = [trajectory_chart(result.trials, stages, kinds)]
    parts += [Columns(shown)] if shown else [Notes(("No training curves: the runs report none.",))]
    return Section("course", "How the search went", lead, tuple(parts))


def _quality(result: Result) -> Section:
    title, quality = "Quality on test", result.quality
    if quality is None:
        lead = (
            "The plans were scored by the user's own evaluator, so there is no test split and no adapter to judge here."
        )
        return Section("quality", title, lead, ())
    lead = (
        f"The adapter that is exported (trial {quality.trial[:8]}, seed {quality.seed}, the best on validation), "
        "judged once on rows that nothing was chosen by."
    )
    parts: list[Part] = [quality_table(quality)]
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
    lead = (
        f"All {plural(len(result.trials), 'trial')} in the order asked; press a heading to sort. Ranks are in the "
        "order of the sites, and 5×8 stands for five sites of rank 8; the score is the loss on validation."
    )
    return Section("trials", "Every trial", lead, (trial_table(result, stages),))


def _failures(result: Result) -> Section:
    if not result.failures:
        return Section("failures", "Failures", "No trial failed; every one of them gave a score.", ())
    lead = f"{plural(len(result.failures), 'trial')} gave no score; the search went on without."
    return Section("failures", "Failures", lead, (failure_table(result),))


def _reproduce(result: Result) -> Section:
    lead = "The same command, data, base model and versions give the same study; on one CPU to the last bit."
    return Section("reproduce", "Reproduce", lead, (origin_pairs(result), settings_table(result)))
