"""A result to the sentences that qualify its figures: limits, gaps, chance and what was not compared."""

from __future__ import annotations

from darse.amounts import plural
from darse.ranks.plan import is_uniform
from darse.report.facts import found, has_proxy, scored, seeds_that_ran
from darse.report.words import better, is_share, listed, metric_value, metric_words
from darse.search.limits import limit_name
from darse.search.result import Result
from darse.search.window import Span

TRUSTED_CORRELATION = 0.5
TRUSTED_PLANS = 5
FEW_TEST_ROWS = 100


def why_missing(result: Result) -> str:
    """Why something was not measured."""
    if result.is_limited:
        limit = limit_name(result.settings.search)
        return f"{limit[0].lower()}{limit[1:]} ended the search before this was measured."
    return "no trial of it gave a score."


def no_controls_words(result: Result) -> tuple[str, ...]:
    """What was not compared, and what to do about it, where no control was trained."""
    parts = found(result)
    untrained = [control.name for control in parts.verify.controls]
    is_plain = is_uniform(result.plan, result.sites)
    is_tried = any(not is_uniform(one.plan, result.sites) for one in scored(parts.allocate.candidates))
    what = "none was trained."
    if untrained:
        what = (
            "no control was trained before the search ended, so nothing is proved about the plan. Not trained: "
            f"{listed(untrained)}."
        )
    elif is_plain and is_tried:
        what = "the plan that was found is itself the best uniform plan."
    sentences = [f"There is no control to compare with: {what}"]
    if is_plain and not is_tried:
        sentences.append(
            "The plan is uniform, and none with ranks of its own for each site was tried: whether one would be better "
            "is not known."
        )
    if result.is_limited or untrained:
        sentences.append(
            "To get a comparison, give the same command with a higher --max-trials or --max-minutes, or without a "
            "limit: the study goes on where it stopped."
        )
    return tuple(sentences)


def cautions(result: Result) -> tuple[str, ...]:
    """What a reader must know before trusting the figures, beside the verdict's own words."""
    sentences = []
    proxy = proxy_caution(result)
    if proxy:
        sentences.append(proxy)
    if result.failures:
        sentences.append(f"{plural(len(result.failures), 'trial')} failed; the reasons are listed under Failures.")
    if learned := nothing_learned(result):
        sentences.append(learned)
    rows = result.check.split_rows.get("test", 0) if result.check is not None else FEW_TEST_ROWS
    if rows < FEW_TEST_ROWS:
        sentences.append(
            f"Only {plural(rows, 'test row')}: the figures on test may be far off by chance alone; take "
            f"{FEW_TEST_ROWS} or more, and several hundred to tell plans apart."
        )
    if result.check is not None and result.check.warnings:
        sentences.append(f"The data check has {plural(len(result.check.warnings), 'warning')}; see Data check.")
    return tuple(sentences)


def nothing_learned(result: Result) -> str:
    """A plain warning where always giving one answer would do as well on test; empty otherwise."""
    quality = result.quality
    if quality is None or result.check is None:
        return ""
    advice = "train longer (--epochs), try higher learning rates, or give more rows"
    if "r2" in quality.test_mean and quality.test_mean["r2"] <= 0:
        return (
            f"Nothing is learned of the score: R² on test is {quality.test_mean['r2']:.2f}, no better than always "
            f"giving the mean; {advice}."
        )
    classes = result.check.class_counts.get("test", {})
    share = max(classes.values(), default=0) / max(1, sum(classes.values()))
    if "accuracy" in quality.test_mean and quality.test_mean["accuracy"] <= share:
        return (
            f"Nothing is learned of the classes: accuracy on test is {100 * quality.test_mean['accuracy']:.1f} %, and "
            f"always giving the most frequent class has {100 * share:.1f} %; {advice}."
        )
    return ""


def depth_words(result: Result) -> str:
    """Where in depth ranks serve, and how sure that is; empty where the search did not look for it."""
    depth = found(result).allocate.depth
    if depth is None:
        return ""
    best, worst = (_span_words(result, span) for span in (depth.best, depth.worst))
    if depth.is_flat:
        return (
            f"Where in depth the ranks sit hardly matters here: given all of them, {best} did best and {worst} did "
            "worst, and the two differ by no more than chance does. So the ranks were spread evenly."
        )
    chosen = f"The plans of strategy window have their ranks in {_span_words(result, depth.chosen)}."
    how = f"by {depth.gain:.3g}" + (f" {'in short runs' if depth.is_trained else 'as cuts'}" * has_proxy(result))
    return (
        f"Where in depth the ranks sit matters: given all of them, {best} did best and {worst} did worst ({how}). "
        f"{chosen}"
    )


def _span_words(result: Result, span: Span) -> str:
    first, last = result.sites[span[0]].name, result.sites[span[1] - 1].name
    return first if first == last else f"{first} to {last}"


def proxy_words(result: Result) -> str:
    """What the proxy correlation says, in plain words."""
    verified = found(result).verify
    if not has_proxy(result):
        return "Every score that chose a plan was a full training run, so there is no cheap estimate to distrust."
    if not scored(found(result).allocate.candidates):
        return f"Candidates were not compared: {why_missing(result)}"
    if verified.proxy_correlation is None:
        return (
            "Candidates were compared by cuts; too few of them were also trained in full to say how far that estimate "
            "can be trusted."
        )
    return (
        f"Candidates were compared by cuts. Over the {verified.proxy_plans} plans that were also trained in full, the "
        f"two orders correlate at {verified.proxy_correlation:.2f} (1 is the same order, 0 is no relation)."
    )


def proxy_caution(result: Result) -> str:
    """A plain warning where the proxy is weak or hardly checked; empty otherwise."""
    verified = found(result).verify
    if not has_proxy(result):
        return ""
    if not scored(found(result).allocate.candidates):
        return "No candidate was tried, so nothing is known of plans of other shapes."
    value, plans = verified.proxy_correlation, plural(verified.proxy_plans, "plan")
    if value is None:
        few = f"only {plans}" if verified.proxy_plans else "no plan"
        return (
            f"How well cuts order plans is unknown: {few} could be compared. The verdict does not "
            "depend on it, but a better plan may have been overlooked."
        )
    if value < TRUSTED_CORRELATION:
        return (
            f"Cuts order plans poorly: correlation {value:.2f} over {plans}. The search may have "
            "overlooked better plans; the verdict itself rests on full training runs."
        )
    if verified.proxy_plans < TRUSTED_PLANS:
        return f"The proxy correlation ({value:.2f}) rests on only {plans}: by chance alone it could be this high."
    return ""


def gap_words(result: Result) -> str:
    """A remark where the judged metric differs much between validation, which chose, and test; empty otherwise."""
    quality, metric = result.quality, result.verdict.metric
    if quality is None or metric not in quality.test or metric not in quality.valid:
        return ""
    test, valid = quality.test[metric], quality.valid[metric]
    if not abs(test - valid) > (0.05 if is_share(metric) else 0.25 * abs(valid)):
        return ""
    ours, theirs = metric_value(test, metric), metric_value(valid, metric)
    words = f"{metric_words(metric)} is {ours} on test and {theirs} on validation"
    if (test > valid) == (better(metric) == "lower"):
        cause = "the adapter was chosen by validation, which flatters it there; test is the figure to go by"
    else:
        cause = "the rows of the two splits differ, in kind or by chance; do not expect the better figure elsewhere"
    return f"{words[0].upper()}{words[1:]}, a large difference: {cause}."


def level_words(result: Result) -> str:
    """The 95 % interval of the verdict's metric on test; empty without a test."""
    metric, level = result.verdict.metric, result.verdict.level
    if result.quality is None:
        return ""
    seeds = len(seeds_that_ran(result))
    of, chance = (f", mean over {seeds} seeds,", "that of the seed too") if seeds > 1 else ("", "not that of the seed")
    low, high = metric_value(level.low, metric), metric_value(level.high, metric)
    what = f"95 % interval of {metric_words(metric)} on test{of}"
    return f"{what} {low} to {high}: it covers the luck of the rows, {chance}."
