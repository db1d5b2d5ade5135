"""What a search says while it runs, from its callbacks alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darse.cli.progress import Display
from darse.cli.stop import Stop
from darse.ranks.plan import RankPlan
from darse.search.allocate import Allocation
from darse.search.calibrate import Calibration
from darse.search.open_study import Opened
from darse.search.stages import Findings
from darse.search.uniform import Coarse, Fine
from darse.search.verify import Verified
from darse.settings import settings_from_options
from darse.store.protocol import StudyRecord
from darse.store.trial import Outcome, Trial, TrialSpec
from tests.cli.test_estimate import Clock

SPEC = TrialSpec(RankPlan((4, 4)), 0, 1e-3, 6)
CALIBRATED = Findings(Calibration(1e-3, 0.01, 2, 4, {1e-3: 0.5}, ("run",)))

ALLOCATED = replace(CALIBRATED, coarse=Coarse(1, 2, {}), fine=Fine(2, {}), allocate=Allocation(900, (), (), None))


def _display(clock: Clock | None = None, **options: object) -> Display:
    return Display(Stop(), settings_from_options(options), is_quiet=False, is_json=False, clock=clock or Clock())


def _opened(state: str) -> Opened:
    return Opened(StudyRecord("id", "reviews", "context", {}, 0.0, state), is_continued=True, changes=())


def _trial(name: str, spec: TrialSpec = SPEC) -> Trial:
    return Trial(name, spec, Outcome(score=0.5, metrics={}, losses="", seconds=1.0))


def test_a_run_is_never_silent_for_long_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    watcher = _display(clock, max_minutes=3).audience().trials
    watcher.started(SPEC)
    for step in range(200):
        clock.now += 1.0
        watcher.step(0, step, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert sum("step" in line and "left" in line for line in lines) == 5
    assert sum("one run of 6 epochs takes" in line for line in lines) == 1
    assert sum("less than one run" in line for line in lines) == 1


def test_a_limit_that_stops_several_stages_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    listener = _display().audience().search
    for part in ("search", "search", "proof", "proof"):
        listener.limited(part)
    assert len(capsys.readouterr().err.splitlines()) == 2


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
    verified = Verified(RankPlan((1, 0)), (), (0, 1), (1e-3,), None, None, 0)
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
