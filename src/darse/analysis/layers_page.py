"""What is said of a study's layers to one HTML page, and to the sentences that qualify it."""

from __future__ import annotations

from darse.analysis.effects import SettingEffect
from darse.analysis.layer_charts import QUANTITIES, importance_chart, last_words, training_chart
from darse.analysis.overview import Overview, site_names
from darse.analysis.stability import STABLE, Stability
from darse.names import printable
from darse.report.key_figures import KeyFigure
from darse.report.page import Page, render_page
from darse.report.parts import ABSENT, Notes, Part, Section, Table
from darse.report.site_charts import cut_chart, left_out_chart
from darse.report.words import count, number, percent

COLUMNS = ("layer", "rank", "loss if left out", "low", "high", "worth of rank", "gradient", "update", "effective rank")


def render_layers(found: Overview) -> str:
    """The page of an overview; nothing in it is loaded from anywhere."""
    name = printable(found.study.record.name, 120)
    return render_page(
        Page(
            title=f"{name} – DARSE layers",
            mark="DARSE layers",
            name=name,
            about=about(found),
            lead="How the ranks lie, and how far what is said of layers is to be relied on.",
            figures=_figures(found),
            sections=layer_sections(found),
            cautions=cautions(found),
        )
    )


def about(found: Overview) -> str:
    """What was looked at, one line."""
    study, run = found.study, found.layers.run
    traced = f"; training figures are those of run {run.id[:8]}" if run else "; no run of it kept training figures"
    return f"Study {study.record.id}, {study.record.state}: {len(study.trials):,} trials{traced}."


def layer_rows(found: Overview) -> tuple[tuple[str, ...], ...]:
    """A row for each layer, under `COLUMNS`."""
    rows = []
    for layer, own in found.with_worth():
        gain = layer.gain
        ends = (ABSENT,) * 3 if gain is None else tuple(map(number, (gain.loss, gain.low, gain.high)))
        updates, gradients, directions = (last_words(layer, one) for one in QUANTITIES)
        worth = number(None if own is None else own.worth)
        rows.append((printable(layer.name), str(layer.rank), *ends, worth, gradients, updates, directions))
    return tuple(rows)


def cautions(found: Overview) -> tuple[str, ...]:
    """What qualifies the figures."""
    told = []
    if found.stability is not None and not found.stability.is_stable:
        told.append(f"Unstable: {stability_words(found.stability)}")
    if found.importances is not None and (found.importances.explained or 0) < 0.5:
        told.append(f"The worth of ranks explains little: {explained_words(found)}")
    return tuple(told)


def stability_words(stability: Stability) -> str:
    """How well halves of the validation rows agree, in a sentence."""
    agreement = f"Kendall's tau is {stability.tau:.2f} ({stability.low:.2f} to {stability.high:.2f} over the splits)"
    verdict = (
        "the order of the layers is stable"
        if stability.is_stable
        else f"below {STABLE:g}, so that another half of the rows would put the layers in another order"
    )
    return (
        f"between two halves of the {count(stability.rows)} validation rows {agreement}, "
        f"{'so ' if stability.is_stable else ''}{verdict}."
    )


def explained_words(found: Overview) -> str:
    """How much of the trials the regression explains, in a sentence."""
    assert found.importances is not None
    one = found.importances
    basis = f"fitted on {count(one.trials)} trials of {count(one.plans)} plans"
    if one.explained is None:
        return f"{basis}, which are too much alike to check it."
    if one.explained <= 0:
        return f"{basis}, it explains nothing in trials that it was not fitted on."
    return f"{basis}, it explains {percent(one.explained, 1)} of the variance in trials that it was not fitted on."


def effect_rows(effects: tuple[SettingEffect, ...]) -> tuple[tuple[str, ...], ...]:
    """A row for each setting that was varied."""
    return tuple(
        (
            one.name,
            ", ".join(f"{value:g}" for value in one.losses),
            f"{one.best:g}",
            number(one.spread),
            number(one.in_noise, 3),
        )
        for one in effects
    )


EFFECT_COLUMNS = ("setting", "values", "best", "spread of the loss", "in noise floors")


def _figures(found: Overview) -> tuple[KeyFigure, ...]:
    layers, figures = found.layers.layers, []
    active = [layer for layer in layers if layer.rank]
    figures.append(KeyFigure("Layers with a rank", str(len(active)), f"of {len(layers)}"))
    gains = [layer for layer in layers if layer.gain is not None and layer.gain.low > 0]
    if any(layer.gain is not None for layer in layers):
        figures.append(KeyFigure("Layers shown to matter", str(len(gains)), "leaving them out costs beyond chance"))
    if found.stability is not None:
        note = "stable" if found.stability.is_stable else f"unstable: below {STABLE:g}"
        figures.append(KeyFigure("Agreement of two halves", f"{found.stability.tau:.2f}", f"Kendall's tau, {note}"))
    if found.effects:
        first = found.effects[0]
        note = f"moved the loss by {number(first.spread, 3)}" + (
            f", {first.in_noise:.1f} noise floors" if first.in_noise is not None else ""
        )
        figures.append(KeyFigure("What mattered most", first.name, note))
    return tuple(figures)


def layer_sections(found: Overview) -> tuple[Section, ...]:
    """What is said of a study's layers, as the sections of a page."""
    table = Table("Every layer, after the last epoch", COLUMNS, layer_rows(found), True)
    sections = [Section("layers", "Layers", "Rank, gain and training of each, from input to output.", (table,))]
    sections += _sensitivity(found)
    if found.importances is not None:
        parts: tuple[Part, ...] = (
            importance_chart(found.importances, site_names(found)),
            Notes(
                (
                    f"One additive model over all trials, {explained_words(found)}",
                    "It knows nothing of sites that make up for each other, and the search chose its trials. Ranks "
                    "that were never varied alone share what they are worth.",
                )
            ),
        )
        sections.append(Section("importance", "What a rank is worth", "Over all trials of the study.", parts))
    charts = [chart for one in QUANTITIES if (chart := training_chart(found.layers.layers, one)) is not None]
    if charts:
        sections.append(Section("training", "While it was trained", "Layer by layer, epoch by epoch.", tuple(charts)))
    if found.effects:
        effects = Table("What each setting moved the loss by", EFFECT_COLUMNS, effect_rows(found.effects))
        lead = "A spread below one noise floor is the luck of the seed."
        sections.append(Section("settings", "Settings", lead, (effects,)))
    return tuple(sections)


def _sensitivity(found: Overview) -> list[Section]:
    result = found.study.result
    allocation = None if result is None else result.findings.allocate
    if result is None or allocation is None or allocation.sensitivity is None:
        return []
    noise = found.study.noise_floor or 0.0
    charts = (
        left_out_chart(allocation.sensitivity, result.sites),
        cut_chart(allocation.sensitivity, result.sites, noise=noise),
    )
    parts: list[Part] = [chart for chart in charts if chart is not None]
    if found.stability is not None:
        words = stability_words(found.stability)
        parts.append(Notes((words[0].upper() + words[1:],), is_caution=not found.stability.is_stable))
    lead = "What the model loses when one layer alone is cut and all others keep their rank."
    return [Section("sensitivity", "What each layer is worth", lead, tuple(parts))] if parts else []
