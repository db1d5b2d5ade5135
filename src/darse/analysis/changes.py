"""Two studies to what changed from one to the other: data, settings, versions, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from darse.analysis.history import StudyLine
from darse.analysis.studied import Studied

_DATA, _VERSIONS, _BASE = "data_sha256", "versions", "base_files_sha256"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not the same in both.

    Attributes:
        name: What it is.
        before: In the first study, as JSON; None where it has none.
        after: In the second.
    """

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed from one study to another.

    Attributes:
        data: Whether the rows and their splits are other ones; None where one study knows of none.
        base: Whether the base model is another one, by its files' digest; the same.
        settings: Settings that differ, by dotted name.
        versions: Packages whose versions differ.
        found: Figures of what came of them that differ.
    """

    data: bool | None
    base: bool | None
    settings: tuple[Change, ...]
    versions: tuple[Change, ...]
    found: tuple[Change, ...]

    @property
    def is_comparable(self) -> bool:
        """Whether the figures are of the same data."""
        return self.data is False


def changes_between(first: tuple[Studied, StudyLine], second: tuple[Studied, StudyLine]) -> Changes:
    """What changed from the first study to the second.

    Args:
        first: A study with its line (`history_of`).
        second: Another.
    """
    before, after = first[0].settings, second[0].settings
    apart = {_DATA, _VERSIONS, _BASE}
    return Changes(
        _differ(before.get(_DATA), after.get(_DATA)),
        _differ(before.get(_BASE), after.get(_BASE)),
        differences(*({name: value for name, value in one.items() if name not in apart} for one in (before, after))),
        differences(_versions(before.get(_VERSIONS)), _versions(after.get(_VERSIONS))),
        differences(_figures(first[1]), _figures(second[1])),
    )


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[Change, ...]:
    """The names under which two tables hold different values, sorted."""
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _differ(before: object, after: object) -> bool | None:
    return before != after if before and after else None


def _versions(told: object) -> dict[str, object]:
    """`torch 2.13.0, numpy 2.4.6` as a table."""
    pairs = (part.strip().rpartition(" ") for part in str(told or "").split(","))
    return {name: version for name, _, version in pairs if name}


def _figures(line: StudyLine) -> dict[str, object]:
    return {
        "state": line.state,
        "verdict": line.verdict,
        "plan": list(line.ranks),
        "parameters": line.cost,
        "training runs": line.runs,
        "minutes": round(line.seconds / 60, 2),
        "best validation loss": line.best,
        "noise floor": line.noise_floor,
        "proxy correlation": line.proxy_correlation,
        **{f"test {name}": value for name, value in line.metrics.items()},
    }
