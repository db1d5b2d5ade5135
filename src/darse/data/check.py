"""What the loader counted to a `DataCheck`, and that to JSON and to lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np

from darse.amounts import plural
from darse.data.columns import describe_columns
from darse.data.example import Columns, DataCheck, Example, SplitName, Task
from darse.data.tally import Tally
from darse.names import printable, printable_path

FEW_ROWS = 200
SMALL_PART = 0.05
"""A class below this part is hard to learn; rejects, or cut texts, above it are worth a look."""
FEW_JUDGED_ROWS = {"valid": 30, "test": 100}
_FAR_QUARTILES = 10
_SHOWN_LINES = 5
_SHOWN_CLASSES = 12
_SHOWN_COLUMNS = 12


def build_check(
    source: str,
    columns: Columns,
    *,
    tally: Tally,
    task: Task,
    parts: Mapping[SplitName, Sequence[Example]],
    origin: str,
    unused: Sequence[str] = (),
) -> DataCheck:
    """Everything that was found in the source.

    Args:
        source: Its name as the user gave it.
        columns: The columns used.
        tally: What was counted on the way.
        task: What is predicted.
        parts: The examples of each split.
        origin: "official" or "made".
        unused: Columns that play no part.
    """
    scores = [example.score for part in parts.values() for example in part if example.score is not None]
    check = DataCheck(
        source=source,
        columns=columns,
        rows=tally.rows,
        kept=sum(map(len, parts.values())),
        rejected=dict(tally.reasons.most_common()),
        rejected_rows=tuple(sorted(tally.shown, key=lambda row: row.line)),
        duplicates=tally.duplicates,
        conflicts=tally.conflicts,
        split_rows={name: len(part) for name, part in parts.items()},
        split_origin=origin,
        class_counts=_count_classes(parts, task),
        score_quantiles=tuple(map(float, np.quantile(scores, (0, 0.25, 0.5, 0.75, 1)))) if scores else (),
    )
    check = replace(check, unused=tuple(unused))
    broken = sum("\ufffd" in example.text for part in parts.values() for example in part)
    warnings = [*tally.notes, *_warn_of_rows(check, broken), *_warn_of_targets(check, parts), *_warn_of_classes(check)]
    return replace(check, warnings=(*warnings, *_warn_of_scores(check, scores)))


def with_token_counts(check: DataCheck, lengths: Sequence[int], limit: int) -> DataCheck:
    """The check with the lengths of the texts, once a tokenizer is known.

    Args:
        check: The check so far.
        lengths: Tokens of each kept text before any cut.
        limit: Tokens that the model is given; longer texts are cut.
    """
    if not lengths:
        return check
    truncated = sum(length > limit for length in lengths)
    tokens = {
        "median": round(float(np.median(lengths))),
        "p95": round(float(np.quantile(lengths, 0.95))),
        "max": int(max(lengths)),
        "limit": limit,
        "truncated": truncated,
    }
    warnings = list(check.warnings)
    if truncated > SMALL_PART * len(lengths):
        warnings.append(
            f"{_percent(truncated, len(lengths))} of the texts are longer than {limit} tokens and are cut;"
            " raise --max-length if their ends matter"
        )
    return replace(check, tokens=tokens, warnings=tuple(warnings))


def data_check_as_json(check: DataCheck) -> dict[str, object]:
    """The check as plain JSON values, as data-check.json and the report hold it."""
    return asdict(check)


def describe(check: DataCheck) -> list[str]:
    """The check as plain lines for a terminal."""
    rejected = sum(check.rejected.values())
    lines = [
        f"{printable_path(check.source)}: {plural(check.rows, 'row')}, {check.kept:,} kept, {rejected:,} rejected,"
        f" {plural(check.duplicates, 'duplicate')}, {check.conflicts:,} in conflict",
        *([f"read with: {describe_reading(check.how_read)}"] if check.how_read else []),
        f"columns: {describe_columns(check.columns)}",
        *([f"columns not used: {_some(check.unused)}"] if check.unused else []),
        f"split ({check.split_origin}): " + ", ".join(f"{name} {n}" for name, n in check.split_rows.items()),
    ]
    if check.class_counts:
        lines.append("classes: " + _describe_classes(check))
    if check.score_quantiles:
        names = ("lowest", "quartile", "median", "quartile", "highest")
        shown = (f"{name} {value:.4g}" for name, value in zip(names, check.score_quantiles, strict=True))
        lines.append("scores: " + ", ".join(shown))
    if check.tokens:
        lines.append("tokens: " + ", ".join(f"{name} {value}" for name, value in check.tokens.items()))
    for reason, count in check.rejected.items():
        blamed = [row for row in check.rejected_rows if f"{row.reason}: ".startswith(f"{reason}: ")]
        where = ", ".join(str(row.line) for row in blamed[:_SHOWN_LINES])
        lines.append(f"rejected {count}: {printable(reason, 200)}" + (f" (line {where})" if where else ""))
    return lines + [f"warning: {warning}" for warning in check.warnings]


def describe_reading(how_read: Mapping[str, str]) -> str:
    """How a file is read, for people.

    >>> describe_reading({"separator": ";", "encoding": "cp1252"})
    "separator ';', encoding 'cp1252'"
    """
    return ", ".join(f"{what} {printable(value)!r}" for what, value in how_read.items())


def _count_classes(parts: Mapping[SplitName, Sequence[Example]], task: Task) -> dict[str, dict[str, int]]:
    if not task.classes:
        return {}
    counts: dict[str, dict[str, int]] = {}
    for split, part in parts.items():
        found = Counter(example.label for example in part)
        counts[split] = {name: found[index] for index, name in enumerate(task.classes)}
    return counts


def _warn_of_rows(check: DataCheck, broken: int) -> list[str]:
    warnings = []
    rejected = sum(check.rejected.values())
    if check.kept < FEW_ROWS:
        warnings.append(f"only {plural(check.kept, 'row')} are kept, fewer than {FEW_ROWS}: expect wide intervals")
    if rejected > SMALL_PART * check.rows:
        warnings.append(f"{_percent(rejected, check.rows)} of the rows are rejected; look at their reasons")
    repeated = check.duplicates + check.conflicts
    if repeated > SMALL_PART * check.rows:
        warnings.append(f"{_percent(repeated, check.rows)} of the rows repeat a text and are left out")
    for name, few in FEW_JUDGED_ROWS.items():
        if check.split_rows[name] < few:
            warnings.append(
                f"the {name} split has only {plural(check.split_rows[name], 'row')} to judge by, fewer than {few}:"
                " expect wide intervals"
            )
    if broken:
        warnings.append(f"{plural(broken, 'text')} with U+FFFD, the mark of a letter lost in an earlier conversion")
    return warnings


def _warn_of_targets(check: DataCheck, parts: Mapping[SplitName, Sequence[Example]]) -> list[str]:
    """Of targets that training and test share: splits are made by texts, unless a group is named."""
    if check.columns.target is None or check.columns.group is not None or check.split_origin != "made":
        return []
    known = {example.target for example in parts["train"]}
    shared = sum(example.target in known for example in parts["test"])
    if not shared:
        return []
    column = printable(check.columns.target)
    return [
        f"{shared} of {len(parts['test'])} test rows have a target that training has, too;"
        f" to judge by targets never seen, add --group {column!r}"
    ]


def _warn_of_classes(check: DataCheck) -> list[str]:
    if not check.class_counts:
        return []
    totals: Counter[str] = Counter()
    for counts in check.class_counts.values():
        totals.update(counts)
    warnings = [
        f"class {name!r} has {plural(count, 'row')}, {_percent(count, check.kept)} of all: it will be learned badly"
        for name, count in totals.items()
        if count < SMALL_PART * check.kept
    ]
    for split, counts in check.class_counts.items():
        absent = [name for name, count in counts.items() if count == 0]
        if absent:
            warnings.append(f"the {split} split has no row of {', '.join(map(repr, absent[:5]))}")
    return warnings


def _warn_of_scores(check: DataCheck, scores: Sequence[float]) -> list[str]:
    if not check.score_quantiles:
        return []
    _, low, _, high, _ = check.score_quantiles
    reach = _FAR_QUARTILES * (high - low)
    far = [score for score in scores if not low - reach <= score <= high + reach] if reach > 0 else []
    warnings = []
    if far:
        warnings.append(
            f"{plural(len(far), 'score')} far outside the others, for example {far[0]:g} where half are between"
            f" {low:g} and {high:g}; a unit or a decimal point may be wrong"
        )
    return warnings


def _describe_classes(check: DataCheck) -> str:
    names = list(check.class_counts["train"])
    totals = {name: sum(counts[name] for counts in check.class_counts.values()) for name in names}
    parts = {name: _percent(total, check.kept) for name, total in totals.items()}
    shown = [f"{name} {totals[name]} ({parts[name]})" for name in names[:_SHOWN_CLASSES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_COLUMNS
    shown = ", ".join(repr(printable(name)) for name in names[:_SHOWN_COLUMNS])
    return shown + (f" and {more} more" if more > 0 else "")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
