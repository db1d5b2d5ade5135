"""What a search says while it runs, from its callbacks alone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import cast

import pytest
from rich.console import Console

from darse.cli.progress import Display
from darse.cli.stop import Stop
from darse.execute.bench import Bench
from darse.execute.rehearsal import Rehearsed
from darse.ranks.plan import RankPlan
from darse.search.allocate import Allocation
from darse.search.calibrate import Calibration
from darse.search.identity import Opened
from darse.search.stages import Findings
from darse.search.uniform import Coarse, Fine
from darse.search.verify import Verified
from darse.settings import settings_from_options
from darse.store.protocol import StudyRecord
from darse.store.trial import Failure, Outcome, Trial, TrialSpec
from tests.cli.test_estimate import Clock

SPEC = TrialSpec(RankPlan((4, 4)), 0, 1e-3, 6)
CALIBRATED = Findings(Calibration(1e-3, 0.01, 2, 4, {1e-3: 0.5}, ("run",), 4.0))

ALLOCATED = replace(CALIBRATED, coarse=Coarse(1, 2, {}), fine=Fine(2, {}), allocate=Allocation(900, (), (), None))


def _display(clock: Clock | None = None, **options: object) -> Display:
    return Display(Stop(), settings_from_options(options), is_quiet=False, is_json=False, clock=clock or Clock())


def _opened(state: str) -> Opened:
    return Opened(StudyRecord("id", "reviews", "context", {}, 0.0, state), is_continued=True, changes=())


def _trial(name: str, spec: TrialSpec = SPEC) -> Trial:
    return Trial(name, spec, Outcome(score=0.5, metrics={}, losses="", seconds=1.0))


def test_a_run_is_never_silent_for_long_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    watcher = _display(clock).audience().trials
    watcher.started(SPEC)
    for step in range(200):
        clock.now += 1.0
        watcher.step(0, step, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert sum("step" in line and "left" in line for line in lines) == 6


def test_a_study_that_goes_on_counts_its_runs_and_its_time_from_what_is_stored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    audience = _display(clock, max_minutes=9).audience()
    cut = replace(_trial("cut", replace(SPEC, epochs=0, evaluator="truncate", parents=("b",))))
    trials = (_trial("a"), replace(_trial("b"), outcome=Outcome(score=0.25, metrics={}, losses="", seconds=119.0)), cut)
    audience.opened(replace(_opened("running"), trials=trials))
    audience.trials.finished(_trial("c"))
    audience.trials.finished(replace(cut, id="another", spec=replace(cut.spec, parents=("b",))))
    audience.search.stage(Findings())
    audience.trials.started(SPEC)
    clock.now += 40
    audience.trials.step(0, 1, 10)
    said = capsys.readouterr().err
    assert "run  3  [4 4]" in said
    assert "1 cut of run 2 scored" in said
    assert "best loss 0.2500, 2.7 min of 9 min gone" in said


def test_the_time_that_is_gone_is_what_the_limit_counts(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    audience = _display(clock, max_minutes=60).audience()
    audience.opened(replace(_opened("running"), trials=(_trial("a"),), failures=(Failure(SPEC, "why", 59.0),)))
    clock.now += 900  # tokenizing, an estimate, another process's trial
    audience.trials.started(SPEC)
    clock.now += 600
    audience.trials.failed(Failure(SPEC, "the loss became nan", 540.0))
    clock.now += 900
    audience.trials.started(SPEC)
    clock.now += 60
    audience.trials.step(0, 1, 10)
    assert "11 min of 60 min gone" in capsys.readouterr().err


@pytest.mark.parametrize("is_quiet", [False, True])
def test_what_is_to_be_expected_is_measured_and_told_where_somebody_reads_it(
    is_quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[Rehearsed] = []

    def rehearse(bench: Bench, check: Callable[[], None]) -> Rehearsed:
        measured.append(Rehearsed(600, 0))
        return measured[0]

    settings = settings_from_options({"max_minutes": 3})
    display = Display(Stop(), settings, is_quiet=is_quiet, is_json=False, rehearse=rehearse)
    display.audience().ready(cast(Bench, None))
    said = capsys.readouterr().err
    assert len(measured) == (0 if is_quiet else 1)
    assert ("one run of 6 epochs takes about 10 min here" in said) != is_quiet
    assert ("less than one run" in said) != is_quiet


def test_cuts_are_counted_with_the_run_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    audience = _display().audience()
    audience.search.stage(Findings())
    audience.trials.finished(_trial("run"))
    for rank in (1, 2, 3):
        cut = replace(SPEC, plan=RankPlan((rank, 0)), epochs=0, evaluator="truncate", parents=("run",))
        audience.trials.finished(_trial(f"cut {rank}", cut))
    audience.search.stage(CALIBRATED)
    said = capsys.readouterr().err
    assert "3 cuts of run 1 scored, best loss 0.5000" in said
    assert "loss 0.5000" in said
    assert "score 0.5" not in said


def test_a_stage_that_is_passed_over_is_named_with_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    listener = _display().audience().search
    listener.stage(CALIBRATED)
    capsys.readouterr()
    listener.stage(ALLOCATED)
    said = capsys.readouterr().err
    order = ["1 to 2", "[3/5] fine: nothing to try", "rank 2", "[4/5] allocate: nothing to try", "[5/5] verify"]
    places = [said.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_a_finished_study_says_that_there_is_nothing_to_do_and_no_stages(capsys: pytest.CaptureFixture[str]) -> None:
    audience = _display().audience()
    audience.opened(_opened("finished"))
    capsys.readouterr()
    audience.search.stage(CALIBRATED)
    assert not capsys.readouterr().err
    verified = Verified(RankPlan((1, 0)), (), (0, 1), (1e-3,), None, 0)
    audience.search.stage(replace(ALLOCATED, verify=verified))
    said = capsys.readouterr().err
    assert said.startswith("already finished; nothing to do")
    assert "--fresh" in said
    assert len(said.splitlines()) == 1


def test_a_finished_study_that_goes_on_tells_its_stages(capsys: pytest.CaptureFixture[str]) -> None:
    audience = _display().audience()
    audience.opened(_opened("finished"))
    audience.search.stage(CALIBRATED)
    audience.search.wanted([SPEC])
    said = capsys.readouterr().err
    assert "[2/5] coarse" in said
    assert "nothing to do" not in said


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of 160 columns gets."""
    file = io.StringIO()
    monkeypatch.setattr(
        "darse.cli.progress.Console", partial(Console, file=file, force_terminal=True, width=160, color_system=None)
    )
    return file


def _lines(terminal: io.StringIO, display: Display) -> Iterator[str]:
    """What the live bar shows after each call."""
    while True:
        terminal.seek(0)
        terminal.truncate()
        display.bar.refresh()
        yield re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", terminal.getvalue()).strip()


def test_a_terminal_shows_stage_trial_epoch_best_so_far_and_time_left(terminal: io.StringIO) -> None:
    clock = Clock()
    display = _display(clock, max_minutes=9)
    assert display.is_live
    lines = _lines(terminal, display)
    audience = display.audience()
    with display:
        assert next(lines).startswith("starting")
        audience.search.stage(Findings())
        audience.trials.started(SPEC)
        line = next(lines)
        assert line.startswith("calibrate [4 4]")
        assert line.endswith("0 s of 9 min gone")
        for step in range(40):
            clock.now += 1.0
            audience.trials.step(0, step, 100)
        line = next(lines)
        assert "epoch 1 of 6, at most 9.3 min of the run left, 40 s of 9 min gone" in line
        assert "best" not in line
        audience.trials.finished(_trial("run"))
        audience.search.stage(CALIBRATED)
        audience.trials.started(replace(SPEC, plan=RankPlan((2, 1)), seed=1))
        audience.trials.step(2, 50, 100)
        line = next(lines)
        assert line.startswith("coarse [2 1]")
        assert "epoch 3 of 6" in line
        assert "best loss 0.5000" in line
        better = replace(_trial("better"), outcome=Outcome(score=0.25, metrics={}, losses="", seconds=1.0))
        audience.trials.finished(better)
        audience.trials.step(5, 99, 100)
        line = next(lines)
        assert "epoch 6 of 6" in line
        assert "best loss 0.2500" in line
    assert not display.bar.live.is_started


def test_a_terminal_keeps_what_was_found_above_the_bar(terminal: io.StringIO) -> None:
    display = _display()
    audience = display.audience()
    with display:
        audience.search.stage(Findings())
        audience.trials.finished(_trial("run"))
        audience.search.stage(CALIBRATED)
    shown = terminal.getvalue()
    for part in ("[1/5] calibrate", "run  1  [4 4]  seed 0", "learning rate 0.001, noise floor 0.0100", "[2/5] coarse"):
        assert part in shown


@pytest.mark.parametrize(("is_quiet", "is_json"), [(True, False), (False, True)])
def test_a_terminal_stays_empty_when_nobody_wants_to_watch(
    is_quiet: bool, is_json: bool, terminal: io.StringIO
) -> None:
    display = Display(Stop(), settings_from_options({}), is_quiet=is_quiet, is_json=is_json, clock=Clock())
    audience = display.audience()
    with display:
        audience.search.stage(Findings())
        audience.trials.started(SPEC)
        audience.trials.step(0, 1, 10)
        audience.trials.finished(_trial("run"))
    assert not display.is_live
    assert not terminal.getvalue()
