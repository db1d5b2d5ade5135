"""A result to a model card: Markdown with YAML front matter, as a model hub reads it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from statistics import fmean

from darse.data.example import Task
from darse.model.base import BUNDLED_HUB_NAME, BUNDLED_PACKAGE
from darse.names import printable
from darse.ranks.plan import RankPlan, Site
from darse.report.facts import FOUND, NamedPlan, exported_words, named_plans, seeds_that_ran
from darse.report.remarks import cautions, gap_words, level_words, no_controls_words
from darse.report.words import better, count, effect, metric_value, metric_words, percent, task_words
from darse.search.result import Result
from darse.settings import WHOLE

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_LIVE = re.compile(
    r"[\\`*\[\]<>&|~#$@{}]"  # marks, references, mentions
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, but not inside a word
    r"|:(?=[^\s\d])"  # links: a scheme before
    r"|(?i:(?<=www))\."
    r"|^[-+=]|(?:(?<=^\d)|(?<=^\d\d))[.)]"  # lists and underlines at the beginning
)
_TEXT_LENGTH = 120


def model_card(result: Result, profile: str, plan: NamedPlan | None = None) -> str:
    """The model card of an exported adapter.

    Text that came from outside can hold anything, so it is written as quoted JSON in YAML, as character references
    in Markdown and as escaped literals in Python.

    Args:
        result: The study.
        profile: Kind of export.
        plan: Which of the study's plans is exported, from `named_plans`; the found one by default.
    """
    chosen = plan or named_plans(result)[0]
    blocks = [
        _front_matter(result, profile, chosen),
        f"# {in_markdown(result.name)}",
        _opening(result, profile, chosen),
        "## Use",
        *_use(result, profile),
        "## Ranks",
        *rank_rows(chosen.plan, result.sites),
        "## Is it better?",
        *_verdict(result, chosen),
        "## Quality",
        *_quality(result, chosen),
        "## Data",
        *_data(result),
        "## Limits",
        "\n".join(f"- {sentence}" for sentence in _limits(result)),
    ]
    return "\n\n".join(blocks) + "\n"


def in_markdown(text: str, limit: int = _TEXT_LENGTH) -> str:
    """Text from outside as Markdown that means nothing but itself: marks that mean more become character references.

    >>> in_markdown("a|b <script> [x](javascript:y)")
    'a&#124;b &#60;script&#62; &#91;x&#93;(javascript&#58;y)'
    >>> in_markdown("darse-fiqa_headlines.csv"), in_markdown("_x_ www.y.z")
    ('darse-fiqa_headlines.csv', '&#95;x&#95; www&#46;y.z')
    """
    return _LIVE.sub(lambda found: f"&#{ord(found[0])};", printable(text, limit))


def is_hub_name(name: str) -> bool:
    """Whether a base model's name can be that of a repository of a hub.

    >>> is_hub_name("google/bert"), is_hub_name("./models/bert")
    (True, False)
    """
    return _HUB_NAME.fullmatch(name) is not None


def in_yaml(text: str, limit: int = _TEXT_LENGTH) -> str:
    r"""Text from outside as a quoted YAML scalar.

    >>> in_yaml('a: "b" # c')
    '"a: \\"b\\" # c"'
    """
    shown = "".join(one if one.isprintable() else "\ufffd" for one in printable(text, limit))
    return json.dumps(shown, ensure_ascii=False)


def in_python(text: str) -> str:
    r"""Text from outside as a Python literal without any mark of HTML or Markdown fences.

    >>> in_python("</code>`")
    "'\\x3c/code\\x3e\\x60'"
    """
    return re.sub("[<>`&]", lambda found: f"\\x{ord(found[0]):02x}", ascii(text))


def _front_matter(result: Result, profile: str, chosen: NamedPlan) -> str:
    base, is_merged = result.origin.base_name, profile in WHOLE
    lines = ["---", f"library_name: {'transformers' if is_merged else 'peft'}", "pipeline_tag: text-classification"]
    lines.append("license: other")
    if is_hub_name(base):
        lines += [f"base_model: {in_yaml(base)}", f"base_model_relation: {'finetune' if is_merged else 'adapter'}"]
    tags = ["darse", "sentiment", *([] if is_merged else ["lora", "peft"])]
    lines += ["tags:", *(f"- {tag}" for tag in tags)]
    if result.quality is not None and chosen.name == FOUND:
        test = {name: value for name, value in result.quality.test.items() if math.isfinite(value)}
        lines += ["metrics:", *(f"- {in_yaml(name)}" for name in test)]
        lines += _model_index(result, test)
    return "\n".join([*lines, "---"])


def _model_index(result: Result, test: Mapping[str, float]) -> list[str]:
    source = in_yaml(result.origin.source or "private data")
    lines = [
        "model-index:",
        f"- name: {in_yaml(result.name)}",
        "  results:",
        "  - task:",
        "      type: text-classification",
        "    dataset:",
        f"      name: {source}",
        f"      type: {source}",
        "      split: test",
        "    metrics:",
    ]
    for name, value in test.items():
        lines += [f"    - type: {in_yaml(name)}", f"      value: {value:.6g}"]
    return lines


def _opening(result: Result, profile: str, chosen: NamedPlan) -> str:
    base = in_markdown(result.origin.base_name)
    kind = "A merged model" if profile in WHOLE else "A LoRA adapter"
    share = percent(chosen.cost, result.origin.base_parameters)
    ranks = "DARSE chose its rank for each site"
    if chosen.name != FOUND:
        ranks = f"Its ranks are those of {chosen.name}, a control that DARSE compared its own choice with"
    return (
        f"{kind} for {base}, predicting {task_words(result.task)}. {ranks}: "
        f"{count(chosen.cost)} trainable parameters, {share} of the base model, and a head of "
        f"{count(result.origin.head_parameters)}.\n\n"
        "The licence is not decided here, which is what `other` above says: this model is bound by the licences of "
        f"its base model ({base}) and of the training data ({_source(result)}). Check both before you use or share it, "
        "then replace `other`."
    )


def _source(result: Result) -> str:
    return in_markdown(result.origin.source) or "your own"


def _use(result: Result, profile: str) -> list[str]:
    tokens = result.check.tokens if result.check else {}
    length = tokens.get("limit", result.settings.train.max_length)
    return usage(result.task, result.origin.base_name, length, is_merged=profile in WHOLE)


def usage(task: Task, base: str, length: int, *, is_merged: bool) -> list[str]:
    """What the outputs are, and code that computes them; arguments as of `usage_code`."""
    outputs = "".join(
        [
            f"Columns 0 to {len(task.classes) - 1} are the logits of the classes, in the order of `classes`. "
            if task.classes
            else "",
            f"Column {len(task.classes)} is the score in the units of the training data, with no conversion needed. "
            if task.has_score
            else "",
            "The target comes first and the text second, as a text pair." if task.has_target else "",
        ]
    )
    code = usage_code(task, base, length, is_merged=is_merged)
    return [outputs.strip() or "The head has no outputs of its own.", f"```python\n{code}\n```"]


def usage_code(task: Task, base: str, length: int, *, is_merged: bool) -> str:
    """Working code for plain peft and transformers.

    Args:
        task: What is predicted.
        base: Name of the base model.
        length: Tokens that a text is cut to.
        is_merged: Whether the folder is a whole model.
    """
    is_looked_up = base == BUNDLED_HUB_NAME and not is_merged
    lines = ["from importlib.util import find_spec", ""] if is_looked_up else []
    lines += ["import torch", *([] if is_merged else ["from peft import PeftModel"])]
    lines += ["from transformers import AutoModelForSequenceClassification, AutoTokenizer", ""]
    lines += ['folder = "."  # this folder', "tokenizer = AutoTokenizer.from_pretrained(folder)"]
    if is_merged:
        lines += ["model = AutoModelForSequenceClassification.from_pretrained(folder).eval()"]
    else:
        lines += [
            *_base_lines(base),
            f"model = AutoModelForSequenceClassification.from_pretrained(base, num_labels={task.outputs})",
            "model.config.pad_token_id = tokenizer.pad_token_id",
            "model = PeftModel.from_pretrained(model, folder).eval()",
        ]
    lines += [""]
    if task.classes:
        lines += [f"classes = [{', '.join(map(in_python, task.classes))}]"]
    lines += ['texts = ["Profit rises sharply in the third quarter."]']
    if task.has_target:
        lines += ['targets = ["the company"]']
    first = "targets, texts" if task.has_target else "texts"
    lines += [
        f'inputs = tokenizer({first}, truncation=True, max_length={length}, padding=True, return_tensors="pt")',
        "with torch.no_grad():",
        "    outputs = model(**inputs).logits",
    ]
    if task.classes:
        lines += [f"print([classes[best] for best in outputs[:, :{len(task.classes)}].argmax(dim=1).tolist()])"]
    if task.has_score:
        lines += [f"print(outputs[:, {len(task.classes)}].tolist())"]
    return "\n".join(lines)


def _base_lines(base: str) -> list[str]:
    """Where the base model is, also without a hub."""
    if base == BUNDLED_HUB_NAME:
        return [
            f'bundled = find_spec("{BUNDLED_PACKAGE}")  # a package that has the base model; no hub is needed then',
            f'base = f"{{bundled.submodule_search_locations[0]}}/model" if bundled else {in_python(base)}',
        ]
    return [f"base = {in_python(base)}  # {'or a folder that has it' if is_hub_name(base) else 'its folder'}"]


def rank_rows(plan: RankPlan, sites: Sequence[Site]) -> list[str]:
    """The ranks of a plan as a table, and how many sites have none."""
    rows = [
        (in_markdown(site.name), str(rank), count(rank * site.unit_cost))
        for site, rank in zip(sites, plan, strict=True)
        if rank
    ]
    skipped = len(plan) - len(rows)
    return [
        markdown_table(("site", "rank", "parameters"), rows),
        f"{skipped} of {len(plan)} sites have no adapter." if skipped else "Every site has an adapter.",
    ]


def _verdict(result: Result, chosen: NamedPlan) -> list[str]:
    verdict, metric = result.verdict, result.verdict.metric
    blocks = [in_markdown(verdict.sentence, 1200)]
    judged = "the adapter"
    if chosen.name != FOUND:
        judged = "the found plan"
        blocks.insert(0, f"The study judged the plan that it found; this adapter is its control {chosen.name}.")
    rows = [
        (
            one.name,
            count(one.cost),
            effect(one.effect, metric),
            f"{effect(one.low, metric)} to {effect(one.high, metric)}",
            str(one.seeds),
        )
        for one in verdict.controls
    ]
    if rows:
        blocks.append(
            f"Effect in {metric_words(metric)} on {verdict.split}; above zero {judged} is better than the control."
        )
        blocks.append(markdown_table(("control", "parameters", "effect", "95 % interval", "seeds"), rows))
    else:
        blocks.append(" ".join(no_controls_words(result)))
    return blocks


def _quality(result: Result, chosen: NamedPlan) -> list[str]:
    quality = result.quality
    if quality is None:
        return ["Scored by the user's own evaluator; there are no metrics on a test split."]
    if chosen.name != FOUND:
        return ["On test it stands in the comparison above alone; this is validation.", _valid_table(chosen)]
    seeds = len(seeds_that_ran(result))
    mean = f"mean over {seeds} seeds"
    rows = [
        (
            in_markdown(metric_words(name)),
            metric_value(value, name),
            *([metric_value(quality.test_mean.get(name, math.nan), name)] if seeds > 1 else []),
            better(name),
        )
        for name, value in quality.test.items()
    ]
    columns = ("metric on test", "this adapter", *([mean] if seeds > 1 else []), "better is")
    blocks = [f"This adapter is {exported_words(result)}.", markdown_table(columns, rows)]
    blocks += [in_markdown(words, 1000) for words in (level_words(result), gap_words(result)) if words]
    if quality.classes is not None:
        by_class = [
            (in_markdown(name), percent(precision, 1), percent(recall, 1), percent(f1, 1))
            for name, precision, recall, f1 in zip(
                result.task.classes,
                quality.classes.precision,
                quality.classes.recall,
                quality.classes.f1,
                strict=True,
            )
        ]
        blocks.append(markdown_table(("class", "precision", "recall", "F1"), by_class))
    return blocks


def _valid_table(chosen: NamedPlan) -> str:
    names = dict.fromkeys(name for run in chosen.runs for name in run.outcome.metrics)
    means = {name: fmean(run.outcome.metrics.get(name, math.nan) for run in chosen.runs) for name in names}
    rows = [(in_markdown(metric_words(name)), metric_value(mean, name), better(name)) for name, mean in means.items()]
    mean = f"mean over {len(chosen.runs)} seeds" if len(chosen.runs) > 1 else "its only run"
    return markdown_table(("metric on validation", mean, "better is"), rows)


def _data(result: Result) -> list[str]:
    check = result.check
    if check is None:
        return ["The data stay with the user's own evaluator; nothing is known of them here."]
    splits = ", ".join(f"{count(rows)} {in_markdown(name)}" for name, rows in check.split_rows.items())
    words = (
        f"From {in_markdown(check.source)}: {count(check.rows)} rows read, {count(check.kept)} kept ({splits}), "
        f"{count(sum(check.rejected.values()))} rejected, {count(check.duplicates)} duplicates and "
        f"{count(check.conflicts)} in conflict left out."
    )
    if not check.class_counts:
        return [words]
    names = next(iter(check.class_counts.values()))
    rows = [(in_markdown(name), *(count(counts[name]) for counts in check.class_counts.values())) for name in names]
    return [words, markdown_table(("class", *map(in_markdown, check.class_counts)), rows)]


def _limits(result: Result) -> list[str]:
    limit = result.check.tokens.get("limit") if result.check else None
    sentences = [in_markdown(sentence, 1000) for sentence in cautions(result)]
    if limit:
        sentences.append(f"Texts are cut to {limit} tokens.")
    return [
        *sentences,
        "It is judged on rows like those it was trained on; other sources, languages or times may differ.",
        "Its errors fall where its data are thin: look at the quality of each class before relying on it.",
        "It inherits what the base model learned, biases included.",
    ]


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; cells from outside have gone through `in_markdown`."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
