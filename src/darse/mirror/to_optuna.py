"""A study to a study of Optuna: every trial by `add_trial`, so that its dashboard and importances work."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from darse.errors import MissingExtraError
from darse.mirror.subject import OPTUNA, Mirrored, Subject, naming_place, summary
from darse.names import without_secrets
from darse.store.trial import Failure, Trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

_TRIAL = "darse.trial"
"""The attribute by which a trial that is there is known."""


def default_address(folder: Path) -> str:
    """Where it goes if nothing is said: a file in the study's folder."""
    return f"sqlite:///{folder / 'optuna.db'}"


def mirror_to_optuna(subject: Subject, address: str) -> Mirrored:
    """Add every trial that is not there yet, finished or failed; once each, however often this is called.

    Parameters are the rank of each site, the learning rate and the epochs, of which a cut has none; the value is the
    search loss, lower is better; the losses after each epoch are intermediate values.

    Args:
        subject: The study.
        address: Of Optuna's storage, as SQLAlchemy takes it.

    Raises:
        MissingExtraError: Optuna is not installed.
        StoreError: The storage cannot be used.
    """
    if find_spec("optuna") is None:
        raise MissingExtraError("optuna", "optuna", "or write files with darse dump")
    import optuna
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ended: list[Trial | Failure] = [*subject.study.trials, *subject.study.failures]
    with naming_place(OPTUNA, address, (SQLAlchemyError, OptunaError, ImportError, OSError)):
        there = optuna.create_study(storage=address, study_name=subject.name, direction="minimize", load_if_exists=True)
        for name, value in summary(subject).items():
            if there.user_attrs.get(name) != value:
                there.set_user_attr(name, value)
        known = {trial.user_attrs.get(_TRIAL) for trial in there.get_trials(deepcopy=False)}
        distributions = _distributions(subject)
        added = 0
        for one in ended:
            subject.check()
            key = one.spec.id(subject.study.record.context)
            if key not in known:
                _add(there, subject, one, key, distributions)
                added += 1
    look = f"optuna-dashboard {without_secrets(address)}"
    return Mirrored(subject.name, added, len(ended) - added, look, ("optuna-dashboard is a package of its own",))


def _add(
    there: Study, subject: Subject, one: Trial | Failure, key: str, distributions: dict[str, BaseDistribution]
) -> None:
    from optuna.trial import TrialState, create_trial

    attributes: dict[str, object] = {_TRIAL: key, **subject.labels(one.spec)}
    if isinstance(one, Failure):
        attributes |= {"reason": one.reason, "seconds": one.seconds}
        trial = create_trial(
            state=TrialState.FAIL,
            params=dict(subject.parameters(one.spec)),
            distributions=distributions,
            user_attrs=attributes,
        )
    else:
        attributes |= {"seconds": one.outcome.seconds, **one.outcome.metrics}
        trial = create_trial(
            state=TrialState.COMPLETE,
            value=one.outcome.score,
            params=dict(subject.parameters(one.spec)),
            distributions=distributions,
            user_attrs=attributes,
            intermediate_values={point.epoch: point.score for point in one.outcome.curve},
        )
    there.add_trial(trial)


def _distributions(subject: Subject) -> dict[str, BaseDistribution]:
    """The space that all trials of the study lie in."""
    from optuna.distributions import FloatDistribution, IntDistribution

    specs = [*(one.spec for one in subject.study.trials), *(one.spec for one in subject.study.failures)]
    highest = max((rank for spec in specs for rank in spec.plan), default=0)
    space: dict[str, BaseDistribution] = {f"rank {name}": IntDistribution(0, highest) for name in subject.sites}
    space["learning rate"] = FloatDistribution(0.0, max((spec.learning_rate for spec in specs), default=0.0))
    space["epochs"] = IntDistribution(0, max((spec.epochs for spec in specs), default=0))
    return space
