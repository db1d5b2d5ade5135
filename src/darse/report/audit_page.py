"""An audit to one HTML page: what a cut would save, and where in the model the adapter has its energy."""

from __future__ import annotations

from darse.amounts import plural
from darse.model.audit import SHARES, Audit
from darse.names import printable
from darse.report.audit_charts import rank_map, spectra_chart
from darse.report.key_figures import KeyFigure
from darse.report.page import Page, render_page
from darse.report.parts import Columns, Notes, Part, Section, Table
from darse.report.verdict_charts import short_names
from darse.report.words import count, listed, number, percent

LAYER_COLUMNS = (
    "layer",
    "modules",
    "parameters",
    "norm",
    "share of energy",
    *(f"{share:.0%} kept in" for share in SHARES),
)
MODULE_COLUMNS = (
    "module",
    "rank",
    "parameters",
    "spectral norm",
    "norm",
    "effective rank",
    *(f"rank for {share:.0%}" for share in SHARES),
)


def render_audit(audit: Audit) -> str:
    """The page of an audit; nothing in it is loaded from anywhere."""
    name = printable(audit.name, 120)
    return render_page(
        Page(
            title=f"{name} – DARSE audit",
            mark="DARSE audit",
            name=name,
            about=about(audit),
            lead="How large the adapter is, and what of it carries its energy (the squared norm of its updates).",
            figures=_figures(audit),
            sections=_sections(audit),
        )
    )


def about(audit: Audit) -> str:
    """What was read, one line."""
    base = printable(audit.base_name, 120) if audit.base_name else "a base model that it does not name"
    kind = f" ({printable(audit.task_type)})" if audit.task_type else ""
    return f"A LoRA adapter{kind} for {base}: {plural(len(audit.modules), 'adapted module')}."


def savings(audit: Audit) -> Table:
    """What a cut of every module to a part of its energy leaves."""
    rows = []
    for share in SHARES:
        cost, ranks = audit.cost_at(share), [one.rank_for(share) for one in audit.modules]
        left = f"{min(ranks)} to {max(ranks)}" if min(ranks) != max(ranks) else str(ranks[0])
        rows.append((f"{share:.0%}", count(cost), percent(audit.parameters - cost, audit.parameters), left))
    return Table("What a cut of every module leaves", ("energy kept", "parameters", "saved", "ranks"), tuple(rows))


def layer_rows(audit: Audit) -> list[tuple[str, ...]]:
    """A row for each layer, under `LAYER_COLUMNS`."""
    energy = sum(one.energy for one in audit.modules)
    rows = []
    for layer, modules in audit.by_layer().items():
        own = sum(one.energy for one in modules)
        kept = (count(sum(one.cost(one.rank_for(share)) for one in modules)) for share in SHARES)
        name = "outside" if layer is None else str(layer)
        parameters = count(sum(one.parameters for one in modules))
        rows.append((name, str(len(modules)), parameters, number(own**0.5), percent(own, energy), *kept))
    return rows


def module_rows(audit: Audit) -> list[tuple[str, ...]]:
    """A row for each module, under `MODULE_COLUMNS`."""
    parts = audit.parts()
    names = dict(zip(parts, short_names(parts), strict=True))
    return [
        (
            printable(names[one.part] if one.layer is None else f"{one.layer} {names[one.part]}", 80),
            str(one.rank),
            count(one.parameters),
            number(one.spectral_norm),
            number(one.frobenius_norm),
            f"{one.effective_rank:.1f}",
            *(str(one.rank_for(share)) for share in SHARES),
        )
        for one in audit.modules
    ]


def notes(audit: Audit) -> list[str]:
    """What is beside the pairs, and what was left out."""
    found = []
    if audit.whole:
        amount = sum(audit.whole.values())
        names = listed([printable(name, 80) for name in audit.whole])
        found.append(f"Trained whole, in no figure here: {names}: {count(amount)} parameters.")
    for reason in sorted(set(audit.left_out.values())):
        names = listed([printable(name, 80) for name, why in audit.left_out.items() if why == reason])
        found.append(f"Left out, since {reason}: {names}.")
    return found


def _figures(audit: Audit) -> tuple[KeyFigure, ...]:
    ranks = [one.rank for one in audit.modules]
    effective = sorted(one.effective_rank for one in audit.modules)
    cost = audit.cost_at(0.99)
    return (
        KeyFigure("Adapter parameters", count(audit.parameters), f"in {plural(len(audit.modules), 'module')}"),
        KeyFigure(
            "Stored rank",
            str(max(ranks)),
            "everywhere" if len(set(ranks)) == 1 else f"at the most; {min(ranks)} at the least",
        ),
        KeyFigure(
            "Median effective rank",
            number(effective[len(effective) // 2], 3),
            "directions that carry the energy of a module",
        ),
        KeyFigure(
            "Saved at 99 % of the energy",
            percent(audit.parameters - cost, audit.parameters),
            f"{count(cost)} parameters would be left",
        ),
    )


def _sections(audit: Audit) -> tuple[Section, ...]:
    remarks = notes(audit)
    beside: list[Part] = [Notes(tuple(remarks))] if remarks else []
    layers = Table("Totals by layer; the last columns are parameters", LAYER_COLUMNS, tuple(layer_rows(audit)))
    modules = Table("Every adapted module", MODULE_COLUMNS, tuple(module_rows(audit)), True)
    return (
        Section(
            "savings",
            "What a cut would keep",
            "Each module cut by SVD to the lowest rank that keeps a part of its energy. Energy says nothing about the "
            "task: darse shrink measures that, on data.",
            (Columns((savings(audit),)), *beside),
        ),
        Section(
            "where",
            "Where the adapter works",
            "How many directions each module's update really has, whatever rank is stored.",
            (rank_map(audit),),
        ),
        Section("spectra", "Spectra", "How fast the energy is gathered as the rank grows.", (spectra_chart(audit),)),
        Section("layers", "Layers", "What each layer holds.", (layers,)),
        Section("modules", "Modules", "Every module; press a heading to sort.", (modules,)),
    )
