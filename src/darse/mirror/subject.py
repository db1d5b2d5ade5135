"""A study to what every mirror shows of it: plain parameters, metrics and points by trial, under safe names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darse.analysis.layers import points_by_layer
from darse.analysis.studied import Studied
from darse.errors import StoreError
from darse.names import folder_name, printable, without_secrets
from darse.search.history import is_run
from darse.store.trial import Trial, TrialSpec

OPTUNA, MLFLOW, TRACKIO = "optuna", "mlflow", "trackio"
_UNFIT = re.compile(r"[^\w .:/-]", re.ASCII)
_LONGEST = 200


@dataclass(frozen=True)
class Mirrored:
    """What a mirror did.

    Attributes:
        name: What the study is called there.
        added: Trials that were added.
        present: Trials that were there already.
        look: The command that shows them.
        notes: What else was put there, and what was left out.
    """

    name: str
    added: int
    present: int
    look: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What is mirrored.

    Attributes:
        study: The study, while its store is open.
        folder: Its folder, where its report and adapter lie.
        check: Called often; raises to stop. What is there by then stays, and the same again goes on.
    """

    study: Studied
    folder: Path
    check: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """A name for the study that is safe everywhere, and its own."""
        return f"{folder_name(self.study.record.name)}-{self.study.record.id[:8]}"

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the places of a plan."""
        result = self.study.result
        width = max((len(trial.spec.plan) for trial in self.study.trials), default=0)
        names = [site.name for site in result.sites] if result else [f"site {place}" for place in range(width)]
        return tuple(map(safe_key, names))

    def parameters(self, spec: TrialSpec) -> dict[str, int | float]:
        """What determines a trial, as numbers; a cut has no epochs."""
        ranks = {f"rank {name}": rank for name, rank in zip(self.sites, spec.plan, strict=False)}
        return {**ranks, "learning rate": spec.learning_rate, "epochs": spec.epochs}

    def labels(self, spec: TrialSpec) -> dict[str, int | str]:
        """What else tells a trial from others."""
        return {"evaluator": spec.evaluator, "seed": spec.seed, "plan": str(spec.plan)}

    def starts(self) -> Iterator[tuple[Trial, float]]:
        """Each trial that trained with the moment at which it began, were all made one after the other.

        Seconds since 1970 (UTC). A store keeps how long a trial took, not when.
        """
        now = self.study.record.created
        for trial in self.study.trials:
            if is_run(trial.spec):
                yield trial, now
            now += trial.outcome.seconds

    def points(self, trial: Trial) -> Iterator[tuple[int, dict[str, float]]]:
        """Epochs of a run with its losses and what each of its layers did."""
        trace = self.study.trace(trial)
        table: dict[int, dict[str, float]] = {}
        for point in trial.outcome.curve:
            table.setdefault(point.epoch, {}).update({"train loss": point.train_loss, "score": point.score})
        for layer, points in (points_by_layer(trace) if trace else {}).items():
            for one in points:
                told = {"gradient": one.gradient, "update": one.update, "effective rank": one.effective_rank}
                row = table.setdefault(one.epoch, {})
                row.update({safe_key(f"{name}/{layer}"): value for name, value in told.items()})
        yield from sorted(table.items())


def summary(subject: Subject) -> Mapping[str, str]:
    """A study in a few words, for the notes of a mirror."""
    study, result = subject.study, subject.study.result
    words = {"darse.study": study.record.id, "darse.name": study.record.name, "darse.state": study.record.state}
    if result is not None:
        words |= {"darse.verdict": result.verdict.verdict, "darse.plan": str(result.plan)}
        words |= {"darse.sentence": result.verdict.sentence, "darse.data": result.origin.data_digest}
    return words


@contextmanager
def naming_place(tool: str, address: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Errors of a tool as one line that says which storage could not be used, without a password.

    Raises:
        StoreError: For each of the errors.
    """
    try:
        yield
    except errors as error:
        first = printable(without_secrets(" ".join(str(error).split())), _LONGEST)
        raise StoreError(f"{tool} at {without_secrets(address)} cannot be used ({first}); check --address") from error


def safe_key(text: str) -> str:
    """A name that every mirror takes.

    >>> safe_key("layer 3 <b>"), safe_key("")
    ('layer 3 _b_', '_')
    """
    return _UNFIT.sub("_", text)[:_LONGEST] or "_"
