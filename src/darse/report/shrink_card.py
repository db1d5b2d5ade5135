"""A shrunk adapter to its model card: Markdown with YAML front matter, as a model hub reads it."""

from __future__ import annotations

from collections.abc import Sequence

from darse.ranks.plan import Site
from darse.report.card import in_markdown, in_yaml, is_hub_name, markdown_table, rank_rows, usage
from darse.report.shrink_summary import METHODS
from darse.report.words import better, count, effect, metric_value, metric_words, percent, task_words
from darse.settings import WHOLE
from darse.shrink.result import Shrunk


def shrink_card(result: Shrunk, profile: str) -> str:
    """The model card of a shrunk adapter; text from outside means nothing but itself in it (see `model_card`).

    Args:
        result: What came of the adapter.
        profile: Kind of export.
    """
    is_merged = profile in WHOLE
    blocks = [
        _front_matter(result, is_merged=is_merged),
        f"# {in_markdown(result.adapter)}, shrunk",
        _opening(result, is_merged=is_merged),
        "## Use",
        *usage(result.task, result.origin.base_name, result.check.tokens["limit"], is_merged=is_merged),
        "## Ranks",
        *rank_rows(result.plan, _numbered(result.modules)),
        "## Is it worse?",
        in_markdown(result.verdict.sentence, 1000),
        _effects(result),
        "## Quality",
        _quality(result),
        "## Limits",
        "- It is judged on rows of one file; other sources, languages or times may differ.\n"
        "- Rows that the uncut adapter was trained on flatter that adapter, and make this one look worse than it is.\n"
        "- It inherits what the base model and the uncut adapter learned, biases included.",
    ]
    return "\n\n".join(blocks) + "\n"


def _numbered(modules: Sequence[Site]) -> list[Site]:
    """The modules under their full names, which is what PEFT calls them."""
    return [Site(module.weights[0].name, module.weights) for module in modules]


def _front_matter(result: Shrunk, *, is_merged: bool) -> str:
    base = result.origin.base_name
    lines = ["---", f"library_name: {'transformers' if is_merged else 'peft'}", "pipeline_tag: text-classification"]
    lines.append("license: other")
    if is_hub_name(base):
        lines += [f"base_model: {in_yaml(base)}", f"base_model_relation: {'finetune' if is_merged else 'adapter'}"]
    tags = ["darse", *([] if is_merged else ["lora", "peft"])]
    return "\n".join([*lines, "tags:", *(f"- {tag}" for tag in tags), "---"])


def _opening(result: Shrunk, *, is_merged: bool) -> str:
    base = in_markdown(result.origin.base_name)
    kind = "A merged model made from a LoRA adapter" if is_merged else "A LoRA adapter"
    share = percent(result.cost, result.origin.base_parameters)
    return (
        f"{kind} for {base}, predicting {task_words(result.task)}. DARSE made it from {in_markdown(result.adapter)} "
        f"({count(result.stored_cost)} parameters): {METHODS[result.method]}. It has {count(result.cost)} parameters, "
        f"{share} of the base model, and the head of {count(result.origin.head_parameters)}.\n\n"
        "The licence is not decided here, which is what `other` above says: this model is bound by the licences of its "
        f"base model ({base}), of the adapter that it was made from and of their data. Check them before you use or "
        "share it, then replace `other`."
    )


def _effects(result: Shrunk) -> str:
    metric = result.verdict.metric
    rows = [
        (
            one.name,
            count(one.cost),
            effect(one.effect, metric),
            f"{effect(one.low, metric)} to {effect(one.high, metric)}",
        )
        for one in result.verdict.controls
    ]
    return markdown_table(("against", "parameters", f"effect in {metric_words(metric)} on test", "95 % interval"), rows)


def _quality(result: Shrunk) -> str:
    rows = [
        (
            in_markdown(metric_words(name)),
            metric_value(value, name),
            metric_value(result.uncut["test"][name], name),
            better(name),
        )
        for name, value in result.quality.test.items()
    ]
    return markdown_table(("metric on test", "this adapter", "uncut", "better is"), rows)
