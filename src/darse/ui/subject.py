"""A study in a store to all that pages show of it, read once and read again only when it has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from darse.analysis.layers import Layers, layers_of
from darse.analysis.layers_page import layer_sections
from darse.analysis.overview import overview_of
from darse.analysis.studied import Studied, read_study
from darse.errors import CorruptStoreError
from darse.report.parts import Section
from darse.report.sections import sections
from darse.search.identity import described
from darse.search.kept_result import readable_result
from darse.search.result import Result
from darse.settings import Settings
from darse.store.protocol import Event, StudyRecord
from darse.store.sql import SqlStore
from darse.store.trial import Failure, Trial
from darse.ui.errors import MissingError
from darse.ui.shelf import Shelved

_MOST_KEPT = 32
"""Studies in memory; one of thousands of trials takes some megabytes."""


@dataclass(frozen=True)
class Subject:
    """A study as pages show it, every row verified.

    Attributes:
        shelved: Its store.
        record: What it is.
        trials: The finished ones, in the order asked.
        failures: The failed ones.
        ended: When each trial ended, seconds since 1970 (UTC), by its id.
        events: What happened, oldest first.
        result: What was found; None before it is finished, or where another version wrote it.
    """

    shelved: Shelved
    record: StudyRecord
    trials: Sequence[Trial]
    failures: Sequence[Failure]
    ended: Mapping[str, float]
    events: Sequence[Event]
    result: Result | None

    @cached_property
    def settings(self) -> Settings | None:
        """Of the study; None where another version wrote them so that they mean something else."""
        return settings_of(self.record)

    @cached_property
    def sections(self) -> Mapping[str, Section]:
        """The sections of its report, by name; none before it is finished."""
        return {} if self.result is None else {one.name: one for one in sections(self.result)}

    @cached_property
    def studied(self) -> tuple[Studied, Layers]:
        """The study as analyses take it, with what is known of its layers."""
        with self.shelved.read() as store:
            found = read_study(store, self.record)
            return found, layers_of(found)

    @cached_property
    def layers(self) -> Mapping[str, Section]:
        """What is said of its layers, by the name of the section."""
        with self.shelved.read() as store:
            found = overview_of(read_study(store, self.record), store)
        return {one.name: one for one in layer_sections(found)}

    @property
    def is_shown(self) -> bool:
        """Whether there is a result to show; a study that goes on has an old one at the most."""
        return self.result is not None and self.record.state == "finished"


def settings_of(record: StudyRecord) -> Settings | None:
    """The settings that a study was opened with; None where another version wrote them."""
    given = {name: value for name, value in record.settings.items() if name in Settings.model_fields}
    try:
        return Settings.model_validate(given)
    except ValidationError:
        return None


def settings_rows(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    """Every setting by its dotted name."""
    return tuple((name, "not set" if value is None else str(value)) for name, value in described(record).items())


class Library:
    """Studies of a shelf, those looked at last in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[tuple[object, ...], Subject]] = OrderedDict()

    def subject(self, shelved: Shelved, study: str) -> Subject:
        """A study, as it is now.

        Raises:
            MissingError: The store has no such study.
            CorruptStoreError: A row of it is damaged.
        """
        key = (shelved.key, study)
        with shelved.read() as store:
            mark = store.overview.mark(study)
            with self._lock:
                kept = self._kept.get(key)
                if kept is not None and kept[0] == mark:
                    self._kept.move_to_end(key)
                    return kept[1]
            subject = _read(shelved, store, study)
        with self._lock:
            self._kept[key] = (mark, subject)
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return subject


def _read(shelved: Shelved, store: SqlStore, study: str) -> Subject:
    heads = store.overview.heads(now=0.0, study=study)
    if not heads:
        raise MissingError("there is no such study in this store; the list of studies has those there are")
    record = heads[0].record
    if record is None:
        raise CorruptStoreError(f"study {study} is damaged: {heads[0].damage}")
    return Subject(
        shelved=shelved,
        record=record,
        trials=store.trials(study),
        failures=store.failures(study),
        ended=store.overview.ended(study),
        events=store.events(study),
        result=readable_result(store, study),
    )
