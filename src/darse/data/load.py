"""A labelled source and the data settings to `LabelledData`: the whole story of this room."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from darse.amounts import plural
from darse.data.check import build_check
from darse.data.classes import (
    MIN_CLASS_ROWS,
    check_label_map,
    find_variants,
    order_classes,
    refuse_free_text,
)
from darse.data.columns import SAMPLE_ROWS, choose_columns, unused_columns
from darse.data.duplicates import drop_duplicates
from darse.data.example import Columns, Example, LabelledData, SplitName, Task
from darse.data.labelled import LabelledRow, parse_row
from darse.data.reading import Reading
from darse.data.row import Row, RowRefused
from darse.data.source import OpenSource, Source, naming, open_source
from darse.data.split import Split, split_rows
from darse.data.tally import Tally
from darse.errors import DataError
from darse.names import printable
from darse.settings import DataSettings

_SAMPLE_CHARACTERS = 16 << 20
"""A sample of huge rows is cut here: memory grows with the examples kept and with nothing else."""
_NAMED_REJECTS = 3
MAX_OFFSET = 100_000
"""Standard deviations that scores may lie off zero; a float32 still tells a hundredth of one apart there."""
STRADDLING = (
    "the group (or, with targets, the text) of the row also stands in an official split that it must not leak into"
)
RARE_CLASS = f"the class has fewer than {MIN_CLASS_ROWS} rows"


def load_labelled(source: Source, settings: DataSettings, *, seed: int) -> LabelledData:
    """Read, check and split a labelled source.

    Every row read ends in a split or is counted, with its reason, in the check. The same source, settings and
    seed give the same result on any machine.

    Args:
        source: `demo` (the packaged set), a file (.csv .tsv .jsonl .ndjson .parquet), the name of a hub data
            set with an optional `:config`, a local folder laid out like one, a data frame, or mappings from
            column to value.
        settings: Columns, label table, how a file is read, fractions and limits.
        seed: Seed of the study; the splits follow from it.

    Raises:
        DataError: The source cannot be read, its columns or classes cannot be told, more than half of its
            rows are rejected, or too few are left; the message names the source and, where one is to blame,
            the line.

    >>> rows = [{"text": f"{word} {i}", "label": word} for word in ("up", "down") for i in range(15)]
    >>> data = load_labelled(rows, DataSettings(), seed=0)
    >>> data.task.classes, len(data.train), len(data.valid), len(data.test)
    (('down', 'up'), 22, 4, 4)
    """
    with open_source(source, Reading.of(settings)) as opened, naming(opened.name):
        return _load(opened, settings, seed)


def _load(opened: OpenSource, settings: DataSettings, seed: int) -> LabelledData:
    if settings.label_map is not None:
        check_label_map(settings.label_map)
    tally = Tally()
    tally.notes += opened.notes
    sample = _take_sample(opened.rows, tally, max_characters=settings.max_text_characters)
    columns = choose_columns(sample, settings)
    unused = unused_columns(sample, columns)
    rows = _parse_rows(chain(sample, opened.rows), columns, settings, tally)
    if columns.label is not None:
        rows = _drop_variants(rows, tally)
    _refuse_bad_majority(tally)
    unique = drop_duplicates(rows)
    tally.duplicates, tally.conflicts = unique.duplicates, unique.conflicts
    rows, classes = _keep_classes(unique.rows, tally) if columns.label is not None else (unique.rows, ())
    valid, test = settings.valid_fraction, settings.test_fraction
    split = split_rows(rows, valid_fraction=valid, test_fraction=test, seed=seed)
    for row in split.straddling:
        tally.reject(row.line, STRADDLING)
    _refuse_bad_majority(tally)
    task = _describe_task(split.parts["train"], classes, columns)
    parts = _make_examples(split, task)
    check = build_check(opened.name, columns, tally=tally, task=task, parts=parts, origin=split.origin, unused=unused)
    check = replace(check, how_read=dict(opened.how_read))
    return LabelledData(
        task=task,
        train=parts["train"],
        valid=parts["valid"],
        test=parts["test"],
        digest=_digest(task, parts),
        check=check,
    )


def _take_sample(rows: Iterator[Row], tally: Tally, *, max_characters: int) -> list[Row]:
    """The first rows, to choose columns by; an error if most of them cannot be read at all."""
    sample: list[Row] = []
    characters = 0
    for row in rows:
        # One character too many is enough for the row to be rejected later, whatever its length was.
        cells = {n: c[: max_characters + 1] if isinstance(c, str) else c for n, c in row.cells.items()}
        sample.append(replace(row, cells=cells))
        characters += sum(len(cell) for cell in cells.values() if isinstance(cell, str))
        if len(sample) == SAMPLE_ROWS or characters > _SAMPLE_CHARACTERS:
            break
    if not sample:
        raise DataError("the source has no rows")
    bad = [row for row in sample if row.problem is not None]
    is_whole = len(sample) < SAMPLE_ROWS and characters <= _SAMPLE_CHARACTERS
    if len(bad) == len(sample) or (is_whole and 2 * len(bad) > len(sample)):
        tally.rows = len(sample)
        for row in bad:
            tally.reject(row.line, row.problem or "")
        _refuse_bad_majority(tally)
    return sample


def _parse_rows(
    rows: Iterable[Row],
    columns: Columns,
    settings: DataSettings,
    tally: Tally,
) -> list[LabelledRow]:
    kept = []
    for row in rows:
        tally.rows += 1
        if tally.rows > settings.max_rows:
            raise DataError(f"there are more than {settings.max_rows:,} rows; raise max_rows or give fewer")
        try:
            kept.append(parse_row(row, columns, settings))
        except RowRefused as refused:
            tally.reject(row.line, refused.reason, refused.value)
    return kept


def _drop_variants(rows: Sequence[LabelledRow], tally: Tally) -> list[LabelledRow]:
    """Reject rows whose label is another label written differently, and free text in place of labels."""
    counts = Counter(row.label for row in rows if row.label is not None)
    refused = find_variants(counts)
    refuse_free_text(counts.keys() - refused.keys())
    kept = []
    for row in rows:
        if row.label in refused:
            tally.reject(row.line, refused[row.label], row.label)
        else:
            kept.append(row)
    return kept


def _refuse_bad_majority(tally: Tally) -> None:
    if 2 * tally.rejected > tally.rows:
        raise DataError(
            f"{tally.rejected} of {tally.rows} rows cannot be used ({tally.first(_NAMED_REJECTS)}); mend"
            " them or name other columns with --text, --label, --score"
        )


def _keep_classes(rows: Sequence[LabelledRow], tally: Tally) -> tuple[list[LabelledRow], tuple[str, ...]]:
    """Reject the rows of classes too small to be split, and order the others."""
    counts = Counter(row.label for row in rows if row.label is not None)
    rare = sorted(label for label, count in counts.items() if count < MIN_CLASS_ROWS)
    if rare:
        shown = ", ".join(repr(printable(label)) for label in rare[:5])
        tally.notes.append(f"{plural(len(rare), 'class')} of fewer than {MIN_CLASS_ROWS} rows left out: {shown}")
    kept = []
    for row in rows:
        if row.label is not None and counts[row.label] < MIN_CLASS_ROWS:
            tally.reject(row.line, RARE_CLASS, row.label)
        else:
            kept.append(row)
    return kept, order_classes(counts.keys() - set(rare))


def _describe_task(train: Sequence[LabelledRow], classes: tuple[str, ...], columns: Columns) -> Task:
    """The task; its score statistics come from the training rows alone, summed exactly in float64."""
    task = Task(classes=classes, has_score=columns.score is not None, has_target=columns.target is not None)
    scores = [row.score for row in train if row.score is not None]
    if not scores:
        return task
    mean = math.fsum(scores) / len(scores)
    sd = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / len(scores))
    if sd == 0 or min(scores) == max(scores):
        raise DataError(f"all training scores are {scores[0]:g}; a score that never varies cannot be learned")
    if abs(mean) > MAX_OFFSET * sd:
        raise DataError(
            f"the scores lie around {mean:.9g} and vary by {sd:.3g} only, over {MAX_OFFSET:,} times less, which no "
            f"model in float32 can tell apart; subtract {mean:.3g} from the column"
        )
    return replace(task, score_mean=mean, score_sd=sd, score_low=min(scores), score_high=max(scores))


def _make_examples(split: Split, task: Task) -> dict[SplitName, tuple[Example, ...]]:
    index: dict[str | None, int] = {name: position for position, name in enumerate(task.classes)}
    return {
        name: tuple(Example(row.line, row.text, row.target, index.get(row.label), row.score) for row in part)
        for name, part in split.parts.items()
    }


def _digest(task: Task, parts: Mapping[SplitName, Sequence[Example]]) -> str:
    """SHA-256 over canonical JSON, one value a line; the line of an example is not part of what it says."""
    digest = hashlib.sha256()

    def feed(value: list[object]) -> None:
        line = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
        digest.update(line.encode() + b"\n")

    feed(["darse data 1", list(task.classes), task.has_score, task.has_target])
    for name in ("train", "valid", "test"):
        feed([name, len(parts[name])])
        for example in parts[name]:
            feed([example.text, example.target, example.label, example.score])
    return digest.hexdigest()
