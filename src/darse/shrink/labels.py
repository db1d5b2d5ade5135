"""The classes of a labelled source to the order in which an adapter's head has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from darse.data.example import Example, LabelledData, Task
from darse.errors import AdapterError
from darse.names import printable

_SHOWN = 8


def in_head_order(data: LabelledData, names: Sequence[str], outputs: int) -> LabelledData:
    """The same data with its classes in the order of the head's rows.

    Labels that are the rows' numbers (`0`, `1`, ... or `LABEL_0`, ...) need no names. A name that differs from a label
    only in case is the label's.

    Args:
        data: The data, classes in an order of their own.
        names: Of the head's classes, in its order; empty if nobody knows them.
        outputs: Rows of the head; the score's row, if there is one, is the last.

    Raises:
        AdapterError: The head has not the outputs that the data ask for, or which is which cannot be told.
    """
    task = data.task
    classes = outputs - int(task.has_score)
    if not task.classes:
        if outputs != 1:
            raise AdapterError(
                f"the adapter's head has {outputs} outputs, but a score needs one; give the column of the classes with "
                "--label"
            )
        return data
    if len(task.classes) > classes:
        raise AdapterError(
            f"the adapter's head has {_outputs(outputs)}, but the data have {_labels(task)}; give data with the "
            "labels of the adapter"
        )
    names = tuple(names) or _numbers(task.classes, classes)
    if not names:
        raise AdapterError(
            f"nothing says which class each of the {_outputs(outputs)} of the adapter's head is; give them in its "
            f"order: --labels {','.join(task.classes)}"
        )
    if len(names) != classes or len(set(names)) != len(names):
        raise AdapterError(
            f"{len(names)} labels are named ({_listed(names)}), but the adapter's head has {_outputs(outputs)}; give "
            "one label for each with --labels"
        )
    places = {place: _place(name, names) for place, name in enumerate(task.classes)}
    if unknown := [task.classes[place] for place, found in places.items() if found is None]:
        raise AdapterError(
            f"the data have the label {printable(unknown[0])!r}, which the adapter's head does not have "
            f"({_listed(names)}); name the labels in the order of the head with --labels"
        )
    own = {found: task.classes[place] for place, found in places.items() if found is not None}
    ordered = tuple(own.get(place, name) for place, name in enumerate(names))

    def moved(example: Example) -> Example:
        return example if example.label is None else replace(example, label=places[example.label])

    train, valid, test = (tuple(map(moved, part)) for part in (data.train, data.valid, data.test))
    return replace(data, task=replace(task, classes=ordered), train=train, valid=valid, test=test)


def _numbers(classes: Sequence[str], count: int) -> tuple[str, ...]:
    """Names for a head whose classes go by their numbers; none if the labels are no such numbers."""
    for pattern in ("{}", "LABEL_{}"):
        names = tuple(pattern.format(place) for place in range(count))
        if set(classes) <= set(names):
            return names
    return ()


def _place(label: str, names: Sequence[str]) -> int | None:
    if label in names:
        return names.index(label)
    alike = [place for place, name in enumerate(names) if name.casefold() == label.casefold()]
    return alike[0] if len(alike) == 1 else None


def _outputs(count: int) -> str:
    return "1 output" if count == 1 else f"{count} outputs"


def _labels(task: Task) -> str:
    return f"{len(task.classes)} classes ({_listed(task.classes)})" + (" and a score" if task.has_score else "")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    return f"{shown}, ..." if len(names) > _SHOWN else shown
