"""Rules, a store and a moment to alerts that stand, are kept and are told, each change once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from darse.errors import DarseError, InputError
from darse.monitor.alerts import Notice, Standing, step
from darse.monitor.figures import Window
from darse.monitor.notify import DeliveryError, Notifier, notifier_of
from darse.monitor.rules import Rule, Rules, read_rules, read_span
from darse.monitor.watching import Seen, look
from darse.names import printable
from darse.store.protocol import Store
from darse.store.traffic import Traffic

_MAX_OUTBOX = 20
"""Notices of a rule that wait at the most; older ones are of the past by then."""
_HOLD_S = 300.0
"""Who tells a notice has so long for it; then another may, since the first one may have been killed."""
_END_S = 5.0
"""For the look that is under way, when all ends."""
_log = logging.getLogger("darse.monitor")


@dataclass(frozen=True)
class Stands:
    """A rule with how it stands after a look.

    Attributes:
        rule: The rule.
        standing: How it stands.
    """

    rule: Rule
    standing: Standing


class Guard:
    """Looks at the log, and at studies, by the rules.

    Args:
        traffic: The log, which also keeps how the rules stand.
        rules: The rules.
        notifiers: One for each target of the rules.
        store: Where studies are; None has no data for the rules that watch one.
    """

    def __init__(
        self, traffic: Traffic, rules: Rules, notifiers: Sequence[Notifier], store: Store | None = None
    ) -> None:
        self._traffic, self._rules, self._notifiers, self._store = traffic, rules, notifiers, store

    def look(self, now: float) -> list[Stands]:
        """One look at everything; what is new is told, and what could not be told before is tried again."""
        windows: dict[tuple[float, str], Seen] = {}
        studies: dict[str | None, Mapping[str, float]] = {}
        found = []
        for rule in self._rules.rules:
            if rule.is_of_search:
                if rule.study not in studies:
                    studies[rule.study] = self._searched(rule.study, now)
                value = studies[rule.study].get(rule.metric)
            else:
                key = (rule.window_s, rule.served_as)
                if key not in windows:
                    windows[key] = look(self._traffic, now - rule.window_s, now, served_as=rule.served_as)
                value = value_of(rule, windows[key])
            found.append(Stands(rule, self._update(rule, value, now)))
        return found

    def _searched(self, study: str | None, now: float) -> Mapping[str, float]:
        """The figures of a study; none where there is no such one."""
        if self._store is None:
            return {}
        from darse.analysis.watched import search_figures  # a server that watches its answers alone needs none of it

        return search_figures(self._store, study, now)

    def mute(self, name: str, until: float) -> None:
        """Tell nobody of a rule until a moment.

        Raises:
            InputError: There is no such rule.
        """
        rule = self._rule(name)
        self._change(rule, lambda before: before.model_copy(update={"muted_until": until}))

    def try_out(self, name: str, now: float) -> None:
        """Tell every target of a rule, as if it had fired; how it stands does not change.

        Raises:
            InputError: There is no such rule.
            DeliveryError: A target was not reached.
        """
        rule = self._rule(name)
        notice = Notice(time=now, rule=rule.name, kind="test", level="alert", value=None)
        failures = [problem for notifier in self._notifiers if (problem := _send(notifier, rule, notice)) is not None]
        if failures:
            raise DeliveryError("; ".join(failures))

    def _update(self, rule: Rule, value: float | None, now: float) -> Standing:
        def change(before: Standing) -> Standing:
            after, notice = step(rule, before, value, now)
            return after if notice is None else _posted(after, notice, self._addressed(before, notice))

        return self._deliver(rule, self._change(rule, change), now)

    def _addressed(self, before: Standing, notice: Notice) -> list[int]:
        """Places of the targets that are told: those that want the level that it has, or has had."""
        concerned = {notice.level, before.known}
        return [place for place, target in enumerate(self._rules.notify) if concerned & set(target.levels)]

    def _deliver(self, rule: Rule, standing: Standing, now: float) -> Standing:
        """Tell what waits, oldest first; who tells a notice holds it, so that nobody else does at the same time."""
        for notice in standing.outbox:
            if not self._hold(rule, notice, now):
                continue
            told = [place for place in notice.waiting if self._tell(rule, notice, place)]
            standing = self._change(rule, _crossing_out(notice, told))
        return standing

    def _hold(self, rule: Rule, notice: Notice, now: float) -> bool:
        """Take a notice to tell it; False if another has it, or has told it."""
        is_held = False

        def hold(standing: Standing) -> Standing:
            nonlocal is_held
            same = [one for one in standing.outbox if one.is_same(notice)]
            is_held = bool(same) and same[0].held_until <= now
            if not is_held:
                return standing
            held = notice.model_copy(update={"held_until": now + _HOLD_S, "waiting": same[0].waiting})
            return standing.model_copy(
                update={"outbox": [held if one.is_same(notice) else one for one in standing.outbox]}
            )

        self._change(rule, hold)
        return is_held

    def _tell(self, rule: Rule, notice: Notice, place: int) -> bool:
        """Whether a target needs no more telling: it was told, or is gone from the rules."""
        problem = _send(self._notifiers[place], rule, notice) if place < len(self._notifiers) else None
        if problem is not None:
            _log.warning("%s: %s; it is tried again", rule.name, problem)
        return problem is None

    def _change(self, rule: Rule, change: Callable[[Standing], Standing]) -> Standing:
        """Change how a rule stands, whoever else does; a change is made upon what is kept at that moment."""
        while True:
            kept = self._traffic.alert(rule.name)
            after = change(Standing.from_json(kept))
            if self._traffic.set_alert(rule.name, kept, after.model_dump()):
                return after

    def _rule(self, name: str) -> Rule:
        found = {rule.name: rule for rule in self._rules.rules}
        if name not in found:
            raise InputError(f"there is no rule {printable(repr(name))}; there is {', '.join(map(printable, found))}")
        return found[name]


def guard_by(traffic: Traffic, path: Path, store: Store | None = None) -> tuple[Guard, float]:
    """What looks at a log, and at the studies of a store, by the rules of a file; and the seconds between two looks.

    Raises:
        InputError: The file cannot be read, a rule is wrong, or the address of a target is missing or not allowed.
        MissingExtraError: Somebody is to be told, and Apprise is not installed.
    """
    rules = read_rules(path)
    notifiers = [notifier_of(target) for target in rules.notify]
    return Guard(traffic, rules, notifiers, store), read_span(rules.every)


@contextmanager
def looking(guard: Guard, every_s: float) -> Iterator[None]:
    """Look again and again, in a thread of its own, as long as a `with` block runs; a look that fails is logged."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_s):
            try:
                guard.look(time.time())
            except DarseError as error:
                _log.error("the alert rules could not be looked at, and are again: %s", error)

    thread = threading.Thread(target=run, name="darse-alerts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_END_S)


def value_of(rule: Rule, seen: Seen) -> float | None:
    """What a rule watches, in a window; None for no data."""
    window = seen.window
    if rule.metric == "drift":
        if not any(seen.drifts.values()):
            return None
        return max((one.effect for one in seen.shown), default=0.0)
    if rule.metric in {"requests", "texts"}:
        return window.figures[rule.figure]
    if window.texts < rule.min_texts:
        return None
    return window.figures.get(rule.figure, 0.0 if _has_labels(window) and rule.metric == "share" else None)


def _has_labels(window: Window) -> bool:
    return any(len(sample.label) for sample in window.samples.values())


def _posted(standing: Standing, notice: Notice, places: list[int]) -> Standing:
    if not places:
        return standing
    outbox = [*standing.outbox, notice.model_copy(update={"waiting": places})]
    return standing.model_copy(update={"outbox": outbox[-_MAX_OUTBOX:]})


def _crossing_out(notice: Notice, told: Sequence[int]) -> Callable[[Standing], Standing]:
    def cross_out(standing: Standing) -> Standing:
        left = [place for place in notice.waiting if place not in told]
        tried = notice.model_copy(update={"waiting": left, "held_until": 0.0})
        outbox = [tried if one.is_same(notice) else one for one in standing.outbox]
        return standing.model_copy(update={"outbox": [one for one in outbox if one.waiting]})

    return cross_out


def _send(notifier: Notifier, rule: Rule, notice: Notice) -> str | None:
    """What went wrong, or None."""
    try:
        notifier.send(*words(rule, notice), notice)
    except DeliveryError as error:
        return str(error)
    return None


def words(rule: Rule, notice: Notice) -> tuple[str, str]:
    """A notice as people read it: a title and a sentence."""
    watched = f"{rule.metric} of {rule.label}" if rule.label else rule.metric
    seen = "no data" if notice.value is None else f"{notice.value:.4g}"
    limits = ", ".join(
        f"{name} {'at or below' if rule.direction == 'below' else 'at or above'} {limit:g}"
        for name, limit in (("warning", rule.warning), ("alert", rule.alert))
        if limit is not None
    )
    title = {
        "worse": f"{notice.level}: {rule.name}",
        "better": f"better, still {notice.level}: {rule.name}",
        "recovered": f"recovered: {rule.name}",
        "reminder": f"still {notice.level}: {rule.name}",
        "test": f"test: {rule.name}",
    }[notice.kind]
    if rule.is_of_search:
        study = f"study {printable(rule.study)}" if rule.study else "the study begun last"
        return title, f"{watched} is {seen} ({study}; {limits})"
    return title, f"{watched} is {seen} over the last {rule.window} ({rule.served_as}; {limits})"
