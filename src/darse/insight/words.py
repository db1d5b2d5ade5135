"""Findings to the words that people read: numbers in the scale of the data, judgements, sentences."""

from __future__ import annotations

from collections.abc import Sequence

from darse.amounts import plural
from darse.insight.insights import Insights
from darse.insight.intervals import Interval
from darse.insight.issues import SURE_STEPS, Issue
from darse.insight.movement import EVERYTHING, Movement
from darse.names import printable
from darse.report.parts import ABSENT
from darse.report.words import listed

DIRECTIONS = {
    "worse": "worse",
    "better": "better",
    "unmoved": "no change shown",
    "few": "too few rows",
    "undated": "not dated",
}
_LONGEST_NAME = 60
_FULL_STORIES = 2


class Scale:
    """Says numbers in the scale of the data: with a sign where it has two sides.

    Args:
        low: Its lower end.
        high: Its upper end.
    """

    def __init__(self, low: float, high: float) -> None:
        self._digits = 1 if high - low >= 50 else 2
        self._has_sign = low < 0

    @classmethod
    def of(cls, insights: Insights) -> Scale:
        """The scale of some insights."""
        return cls(insights.rows.sentiment.low, insights.rows.sentiment.high)

    def level(self, value: float | None) -> str:
        """A mean, or one row's sentiment.

        >>> Scale(-1, 1).level(0.5), Scale(1, 5).level(4.25)
        ('+0.50', '4.25')
        """
        if value is None:
            return ABSENT
        return self.moved(value) if self._has_sign else f"{value:.{self._digits}f}"

    def moved(self, value: float | None) -> str:
        """A difference of means."""
        if value is None:
            return ABSENT
        rounded = round(value, self._digits)
        return f"{rounded:+.{self._digits}f}" if rounded else f"{0:.{self._digits}f}"

    def size(self, value: float) -> str:
        """How much something fell."""
        return f"{value:.{self._digits}f}"

    def sizes(self, interval: Interval) -> str:
        """The ends of the interval of a fall."""
        if interval.low is None or interval.high is None:
            return ABSENT
        return f"{self.size(interval.low)} to {self.size(interval.high)}"

    def ends(self, interval: Interval | None, *, is_move: bool = False) -> str:
        """The ends of an interval."""
        if interval is None or interval.low is None or interval.high is None:
            return ABSENT
        say = self.moved if is_move else self.level
        return f"{say(interval.low)} to {say(interval.high)}"


def share(interval: Interval) -> str:
    """A share.

    >>> share(Interval(0.125))
    '12.5 %'
    """
    return f"{100 * interval.value:.1f} %"


def share_ends(interval: Interval) -> str:
    """The ends of the interval of a share."""
    if interval.low is None or interval.high is None:
        return ABSENT
    return f"{100 * interval.low:.1f} % to {100 * interval.high:.1f} %"


def chance_words(p: float | None) -> str:
    """A p-value.

    >>> chance_words(0.00001), chance_words(0.0312), chance_words(None)
    ('below 0.001', '0.031', '–')
    """
    if p is None:
        return ABSENT
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def how_sure(p: float) -> str:
    """A corrected p-value in a word."""
    return ("very sure", "sure", "fairly sure")[sum(p > edge for edge in SURE_STEPS)]


def name_words(name: str) -> str:
    """The name of a group."""
    return printable(name, _LONGEST_NAME)


def badge_words(insights: Insights) -> tuple[str, str]:
    """The judgement in a few words, and the tone of its colour."""
    if insights.windows is None:
        return "No dates: what changed cannot be told", "no_difference"
    if insights.issues:
        amount = len(insights.issues)
        return ("1 issue emerged lately" if amount == 1 else f"{amount} issues emerged lately"), "worse"
    return "Nothing is shown to have got worse lately", "no_difference"


def badge_sentence(insights: Insights) -> str:
    """What an analyst reads first."""
    if insights.windows is None:
        return _undated_words(insights)
    stories = [issue_sentence(issue, insights) for issue in insights.issues[:_FULL_STORIES]]
    more = insights.issues[_FULL_STORIES:]
    if more:
        stories.append(f"Also: {listed([_short(issue) for issue in more], 4)}.")
    better = [name_words(one.name) for one in insights.movements if one.direction == "better"]
    if better:
        stories.append(f"Better: {listed(better)}.")
    if not insights.issues:
        stories.insert(0, _quiet_words(insights))
    return " ".join(stories)


def _undated_words(insights: Insights) -> str:
    time = insights.file.columns.time
    if time is None:
        return "Name the column of dates with --time, if there is one. Levels, phrases and rows to read are below."
    return "All dated rows lie in one period; a shorter --period may have several."


def _quiet_words(insights: Insights) -> str:
    windows = insights.windows
    assert windows is not None, "asked above"
    tested = sum(one.p is not None for one in insights.of("group"))
    few = sum(one.direction == "few" for one in insights.of("group"))
    words = f"{windows.latest_name} was held against {windows.before_name}"
    if tested or few:
        words += f" in {plural(tested, 'group')}" + (f"; {few} more have too few rows" if few else "")
    return f"{words}."


def issue_sentence(issue: Issue, insights: Insights) -> str:
    """One issue in plain words."""
    assert insights.windows is not None, "issues need dates"
    since, scale = insights.windows.day(issue.since), Scale.of(insights)
    if issue.phrase is not None:
        phrase, where = issue.phrase, "" if issue.group == EVERYTHING else f"{name_words(issue.group)}: "
        return (
            f"{where}“{printable(phrase.name)}” is in {plural(phrase.here, 'negative text')} since {since},"
            f" {share(phrase.here_share)} of them, against {share(phrase.there_share)} before"
            f" (corrected p {chance_words(issue.corrected)})."
        )
    assert issue.before is not None and issue.after is not None, "what fell has two levels"  # noqa: PT018 - one fact
    moved = issue.difference
    assert moved is not None, "what fell has a difference"
    around = "around" if issue.evidence == "change point" else "in the time since"
    fell = Interval(-moved.value, -(moved.high or 0.0), -(moved.low or 0.0))
    named = f" Its negative texts say: {phrase_words(issue)}." if issue.phrases else ""
    return (
        f"{_start(issue.group)} got worse {around} {since}: {share(issue.after.negative)} of"
        f" {plural(issue.after.rows, 'text')} are negative since, {share(issue.before.negative)} of"
        f" {issue.before.rows:,} before. The mean fell from {scale.level(issue.before.mean.value)} to"
        f" {scale.level(issue.after.mean.value)} (by {scale.size(fell.value)}, 95 % interval {scale.sizes(fell)};"
        f" {how_sure(issue.corrected)}, corrected p {chance_words(issue.corrected)}).{named}"
    )


def _start(name: str) -> str:
    return "The whole" if name == EVERYTHING else name_words(name)


def _short(issue: Issue) -> str:
    if issue.phrase is None:
        return name_words(issue.group)
    return f"“{printable(issue.phrase.name)}” in {name_words(issue.group)}"


def phrase_words(issue: Issue) -> str:
    """What goes with an issue."""
    names: Sequence[str] = [printable(one.name) for one in (issue.phrases or ((issue.phrase,) if issue.phrase else ()))]
    return ", ".join(names) or ABSENT


def changes_words(movement: Movement, insights: Insights) -> str:
    """When the level of a group changed."""
    if not movement.changes or insights.windows is None:
        return ABSENT
    scale = Scale.of(insights)
    return ", ".join(
        f"{insights.windows.day(one.day)} ({scale.moved(one.difference.value)})" for one in movement.changes
    )
