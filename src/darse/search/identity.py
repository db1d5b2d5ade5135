"""A study's identity: what determines its trials, what determines the study, and what changed since last time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darse.files import sha256_of_json
from darse.settings import Settings, dotted
from darse.store.protocol import Store, StudyRecord
from darse.store.trial import TRAINER, Failure, Trial

_LIMITS = ("max_trials", "max_minutes")
_RENAMED = {"base_sha256": "base_files_sha256"}
"""What a study was described by up to 0.2 to what it is described by now."""


@dataclass(frozen=True)
class Identity:
    """What makes a study this study.

    Attributes:
        data_digest: Of the examples and their splits.
        base_digest: Of the base model's weights, config and tokenizer.
        evaluator: `darse`, or the name of a user's own function.
        versions: Of the packages that shape a trial; other versions give other bits.
        settings: Of the study.
    """

    data_digest: str
    base_digest: str
    evaluator: str
    versions: str
    settings: Settings

    def context(self, restarts: int) -> str:
        """Digest of what determines a trial beside its spec.

        Args:
            restarts: How often the study was started anew; each time has trials of its own.
        """
        train = self.settings.train.model_dump(mode="json", exclude={"checkpoint_seconds", "epochs"})
        return sha256_of_json(
            {
                "data": self.data_digest,
                "base": self.base_digest,
                "evaluator": self.evaluator,
                "versions": self.versions,
                "train": train,
                "granularity": self.settings.search.granularity,
                "seed": self.settings.search.seed,
                "fresh": restarts,
            }
        )

    def study(self, restarts: int) -> str:
        """Id of the study: its context and how it searches; limits may change without making it another study."""
        search = self.settings.search.model_dump(mode="json", exclude=set(_LIMITS))
        content = {"context": self.context(restarts), "search": search, "epochs": self.settings.train.epochs}
        return sha256_of_json(content)[:16]

    def described(self) -> dict[str, object]:
        """Everything in plain JSON, to tell later what changed."""
        return {
            "data_sha256": self.data_digest,
            "base_files_sha256": self.base_digest,
            "evaluator": self.evaluator,
            "versions": self.versions,
            **self.settings.model_dump(mode="json"),
        }


def described(record: StudyRecord) -> dict[str, object]:
    """What makes a study this study, by dotted name, as `Identity.described` says it now."""
    return {_RENAMED.get(name, name): value for name, value in dotted(record.settings).items()}


@dataclass(frozen=True)
class Opened:
    """A study that was opened.

    Attributes:
        record: Its record.
        is_continued: Whether it had been opened before.
        changes: What differs from the last study of its name, one line each; empty for a continued one.
        trials: Those that are finished already, in the order in which they were asked for.
        failures: Those that have failed already.
    """

    record: StudyRecord
    is_continued: bool
    changes: tuple[str, ...]
    trials: tuple[Trial, ...] = ()
    failures: tuple[Failure, ...] = ()


def begin_or_continue(store: Store, identity: Identity, *, name: str, fresh: bool, now: float) -> Opened:
    """Continue the study of this identity, or start it.

    Args:
        store: Where.
        identity: What makes it this study.
        name: What people call it.
        fresh: Start anew even if it is there; the earlier one stays in the store.
        now: Seconds since 1970 (UTC).
    """
    present = {record.id: record for record in store.studies()}
    count = 0
    while identity.study(count) in present:
        count += 1
    number = count if fresh else max(count - 1, 0)
    key = identity.study(number)
    record = StudyRecord(key, name, identity.context(number), identity.described(), now)
    # a run of somebody's own Trainer may have the same name, and is nothing to compare a search with
    earlier = [one for one in present.values() if one.name == name and one.settings.get("evaluator") != TRAINER]
    changes = () if key in present else _changes(earlier, record)
    opened = store.register_study(record)
    return Opened(opened, key in present, changes, tuple(store.trials(key)), tuple(store.failures(key)))


def _changes(earlier: Sequence[StudyRecord], record: StudyRecord) -> tuple[str, ...]:
    if not earlier:
        return ()
    before, after = described(earlier[-1]), described(record)
    names = sorted({*before, *after} - {f"search.{limit}" for limit in _LIMITS})
    return tuple(
        f"{name}: {before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)
    )
