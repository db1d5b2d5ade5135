"""What every evaluator promises: one id and spec, one outcome, to the bit; a score that is the mean of its losses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from darse.data.load import load_labelled
from darse.errors import InputError, Interrupted, TrialError
from darse.evaluate.losses import Floats, fit_temperature
from darse.execute.bench import Bench
from darse.execute.evaluator import Evaluator, Feedback
from darse.execute.finetune import Finetune, Recover
from darse.execute.ground import find_ground
from darse.execute.truncate import Truncate
from darse.execute.uncut import Uncut
from darse.execute.user import UserEvaluator, UserFunction
from darse.ranks.plan import RankPlan, ranks_by_weight
from darse.settings import Settings
from darse.store.arrays import read_array
from darse.store.open import open_store
from darse.store.protocol import StudyRecord
from darse.store.trial import EvaluatorName, Outcome, Trial, TrialSpec
from darse.train.checkpoint import CheckpointFile
from darse.train.lower import LowerCache

from ..labelled import labelled_rows

Name = Literal["finetune", "truncate", "recover", "user", "uncut"]
EVALUATORS: tuple[Name, ...] = get_args(Name)
STUDY = "s"
PLAN = RankPlan((0, 2, 1, 3))
FULL = RankPlan((4, 4, 4, 4))


def by_rank(ranks: Mapping[str, int], seed: int, learning_rate: float) -> list[float]:
    return [1 / (1 + sum(ranks.values())), learning_rate, float(seed)]


@dataclass(frozen=True)
class Workplace:
    """A bench with one finished run to cut from."""

    bench: Bench
    parent: Trial

    def evaluator(self, name: Name, function: UserFunction = by_rank) -> Evaluator:
        evaluators: dict[Name, Evaluator] = {
            "finetune": Finetune(self.bench),
            "truncate": Truncate(self.bench),
            "recover": Recover(self.bench),
            "user": UserEvaluator(function, self.bench.sites, self.bench.store, STUDY),
            "uncut": Uncut(self.bench, self.bench.trained_weights(self.parent)),
        }
        return evaluators[name]

    def spec(self, name: Name, plan: RankPlan = PLAN) -> TrialSpec:
        is_cut = name in {"truncate", "recover"}
        rate, epochs = (0.0, 0) if name == "truncate" else (3e-3, 2)
        # a user's function is asked in the place of training, and so are weights from elsewhere
        evaluator: EvaluatorName = name if name in get_args(EvaluatorName) else "finetune"  # type: ignore[assignment]
        return TrialSpec(plan, 0, rate, epochs, evaluator, (self.parent.id,) if is_cut else ())

    def outcome(self, name: Name, spec: TrialSpec | None = None, feedback: Feedback | None = None) -> Outcome:
        spec = spec or self.spec(name)
        parents = [self.parent] if spec.parents else []
        return self.evaluator(name).evaluate(spec.id("c"), spec, parents, feedback or Feedback())

    def losses(self, outcome: Outcome) -> Floats:
        return read_array(self.bench.store, outcome.losses)


@pytest.fixture(scope="module")
def work(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("bench")
    options = {"model": str(tiny_bert), "train": {"epochs": 2, "max_length": 16}, "search": {"max_rank": 4}}
    settings = Settings.model_validate(options)
    with open_store(folder / "study.db") as store:
        store.register_study(StudyRecord(STUDY, "s", "c", {}, 0.0))
        data = load_labelled(labelled_rows(90), settings.data, seed=0)
        bench = find_ground(settings, data.task).bench(data, settings, store, folder / "checkpoints")
        spec = TrialSpec(FULL, 0, 3e-3, 2)
        trial = Trial(spec.id("c"), spec, Finetune(bench).evaluate(spec.id("c"), spec, [], Feedback()))
        (folder / "checkpoints").mkdir(exist_ok=True)
        yield Workplace(bench, trial)


def without_time(outcome: Outcome) -> Outcome:
    return replace(outcome, seconds=0.0)


@pytest.mark.parametrize("name", EVALUATORS)
def test_same_id_and_spec_give_the_same_outcome_to_the_bit(work: Workplace, name: Name) -> None:
    first, second = work.outcome(name), work.outcome(name)
    assert without_time(first) == without_time(second)


@pytest.mark.parametrize("name", EVALUATORS)
def test_other_trials_before_it_do_not_change_an_outcome(work: Workplace, name: Name) -> None:
    first = work.outcome(name)
    for other in EVALUATORS:
        work.outcome(other, work.spec(other, RankPlan((1, 0, 0, 2))))
    assert without_time(work.outcome(name)) == without_time(first)


@pytest.mark.parametrize("name", EVALUATORS)
def test_score_is_the_finite_mean_of_the_stored_losses(work: Workplace, name: Name) -> None:
    outcome = work.outcome(name)
    losses = work.losses(outcome)
    assert math.isfinite(outcome.score)
    assert outcome.score == float(losses.mean())
    assert losses.dtype == np.float64
    assert outcome.seconds >= 0
    if name != "user":
        assert losses.shape == (len(work.bench.rows["valid"]),)


@pytest.mark.parametrize("name", EVALUATORS)
def test_metrics_are_finite_and_those_of_the_task(work: Workplace, name: Name) -> None:
    found = work.outcome(name).metrics
    assert all(map(math.isfinite, found.values()))
    expected = {"loss"} if name == "user" else {"accuracy", "macro_f1", "ece", "mse", "r2", "sign_accuracy"}
    assert expected <= set(found)


@pytest.mark.parametrize("name", EVALUATORS)
def test_an_interruption_passes_through_and_a_second_try_gives_the_same_outcome(work: Workplace, name: Name) -> None:
    spec = work.spec(name, RankPlan((1, 1, 0, 1)))
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 3 or name in {"truncate", "user", "uncut"}:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        work.outcome(name, spec, Feedback(stop))
    again = work.outcome(name, spec)
    (work.bench.checkpoints / f"{spec.id('c')}.safetensors").unlink(missing_ok=True)
    assert without_time(again) == without_time(work.outcome(name, spec))


@pytest.mark.parametrize("name", ["truncate", "recover"])
def test_cutting_without_a_finished_run_is_refused(work: Workplace, name: Name) -> None:
    with pytest.raises(TrialError, match="needs a finished run to be cut from"):
        work.evaluator(name).evaluate("x", work.spec(name), [], Feedback())


@pytest.mark.parametrize("name", ["finetune", "recover"])
def test_a_run_whose_loss_is_no_longer_finite_is_a_failed_trial(work: Workplace, name: Name) -> None:
    spec = replace(work.spec(name), learning_rate=1e30)
    with pytest.raises(TrialError, match=r"became (nan|inf)"):
        work.outcome(name, spec)
    assert math.isfinite(work.outcome(name).score), "the model is given back unharmed"


@pytest.mark.parametrize("name", ["truncate", "recover"])
def test_cutting_the_mean_of_equal_runs_is_cutting_one(work: Workplace, name: Name) -> None:
    one = work.spec(name)
    twice = replace(one, parents=one.parents * 2)
    found = work.evaluator(name).evaluate("x", twice, [work.parent] * 2, Feedback())
    assert work.losses(found) == pytest.approx(work.losses(work.outcome(name, one)), rel=1e-2, abs=1e-3)


def test_recovering_for_no_epoch_keeps_the_cut_as_it_is(work: Workplace) -> None:
    kept = work.outcome("recover", replace(work.spec("recover"), epochs=0))
    assert not kept.curve
    assert work.losses(kept) == pytest.approx(work.losses(work.outcome("truncate")), rel=1e-3, abs=1e-4)
    weights = work.bench.trained_weights(Trial("x", work.spec("recover"), kept))
    assert {name: pair.rank for name, pair in weights.pairs.items()} == {
        name: rank for name, rank in ranks_by_weight(PLAN, work.bench.sites).items() if rank
    }


def test_weights_that_are_not_cut_have_the_losses_of_their_run(work: Workplace) -> None:
    assert work.losses(work.outcome("uncut")) == pytest.approx(work.losses(work.parent.outcome), rel=1e-3, abs=1e-4)


def test_cutting_to_the_ranks_of_the_run_itself_changes_nothing(work: Workplace) -> None:
    cut = work.outcome("truncate", work.spec("truncate", FULL))
    assert work.losses(cut) == pytest.approx(work.losses(work.parent.outcome), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", ["finetune", "recover"])
def test_seconds_of_a_resumed_run_are_those_of_all_its_processes(work: Workplace, name: Name) -> None:
    spec = work.spec(name, RankPlan((0, 1, 1, 1)))
    calls = iter(range(1000))

    def stop() -> None:
        if next(calls) == 8:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        work.outcome(name, spec, Feedback(stop))
    file = CheckpointFile(work.bench.checkpoints / f"{spec.id('c')}.safetensors")
    left = file.load()
    assert left is not None
    file.save(replace(left, progress=replace(left.progress, seconds=1000.0)))
    resumed = work.outcome(name, spec)
    file.remove()
    assert resumed.seconds > 1000.0
    assert without_time(resumed) == without_time(work.outcome(name, spec))


def test_training_keeps_the_curve_and_the_weights_of_the_plan(work: Workplace) -> None:
    outcome = work.outcome("finetune")
    assert [point.epoch for point in outcome.curve] == list(range(1, len(outcome.curve) + 1))
    assert min(point.score for point in outcome.curve) == pytest.approx(outcome.score, rel=1e-3)
    weights = work.bench.trained_weights(Trial("x", work.spec("finetune"), outcome))
    assert set(weights.pairs) == set(ranks_by_weight(PLAN, work.bench.sites))


def test_a_users_function_is_told_the_rank_of_every_module_that_has_one(work: Workplace) -> None:
    told: list[tuple[Mapping[str, int], int, float]] = []

    def function(ranks: Mapping[str, int], seed: int, learning_rate: float) -> ArrayLike:
        told.append((dict(ranks), seed, learning_rate))
        return [1.0, 2.0]

    spec = work.spec("user")
    work.evaluator("user", function).evaluate("x", spec, [], Feedback())
    assert told == [(ranks_by_weight(PLAN, work.bench.sites), 0, 3e-3)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "shape"),
        (1.0, "shape"),
        ([[1.0], [2.0]], "shape"),
        ([1.0, float("nan")], "mean is nan"),
        ([1.0, float("inf")], "mean is inf"),
        (["a", "b"], "real losses"),
        ([[1.0], [2.0, 3.0]], "no array of numbers"),
        (None, "shape"),
        ([1.0, 1j], "complex"),
        (["1.0", "2.0"], "real losses"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), "real losses"),
        ([10**400], "no array of numbers"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
        ([torch.ones((), requires_grad=True)], "no array of numbers"),
    ],
)
def test_an_answer_that_is_no_list_of_losses_is_a_failed_trial(work: Workplace, answer: ArrayLike, reason: str) -> None:
    with pytest.raises(TrialError, match=reason):
        work.evaluator("user", lambda ranks, seed, rate: answer).evaluate("x", work.spec("user"), [], Feedback())


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_tensor_that_still_has_its_gradient_is_taken_for_its_values(work: Workplace, kind: torch.dtype) -> None:
    answer = torch.tensor([1.0, 2.0], dtype=kind, requires_grad=True)
    evaluator = work.evaluator("user", lambda ranks, seed, rate: answer)
    assert evaluator.evaluate("x", work.spec("user"), [], Feedback()).score == 1.5


def test_a_user_who_changes_the_number_of_examples_is_told(work: Workplace) -> None:
    answers = iter(([1.0, 2.0], [1.0, 2.0, 3.0]))
    evaluator = work.evaluator("user", lambda ranks, seed, rate: next(answers))
    evaluator.evaluate("x", work.spec("user"), [], Feedback())
    with pytest.raises(InputError, match="3 losses, but 2 the time before; return one"):
        evaluator.evaluate("y", work.spec("user"), [], Feedback())


def test_a_user_who_changed_the_number_of_examples_since_the_study_was_begun_is_told_before_a_trial_is_lost(
    work: Workplace,
) -> None:
    store, study = work.bench.store, "of three examples"
    store.register_study(StudyRecord(study, study, study, {}, 0.0))
    spec = work.spec("user")

    def evaluator(rows: int) -> UserEvaluator:
        return UserEvaluator(lambda ranks, seed, rate: [1.0] * rows, work.bench.sites, store, study)

    store.enqueue(study, [spec])
    lease = store.claim(study, "worker", now=1.0, lease_s=1.0)
    assert lease is not None
    store.finish(lease, evaluator(3).evaluate("x", spec, [], Feedback()), now=1.0)
    with pytest.raises(InputError, match=r"2 losses, but 3 when the study was begun; .*fresh=True"):
        evaluator(2).evaluate("y", spec, [], Feedback())
    assert evaluator(3).evaluate("y", spec, [], Feedback()).score == 1.0


@pytest.mark.parametrize("ranks", [(4, 4, 4, 0), (4, 4, 1, 4), (0, 0, 2, 2), (4, 4, 4, 4), (0, 0, 0, 0)])
def test_a_cut_from_kept_states_has_the_losses_of_the_whole_model(work: Workplace, ranks: tuple[int, ...]) -> None:
    spec = work.spec("truncate", RankPlan(ranks))
    whole = replace(work, bench=replace(work.bench, lower_cache=LowerCache(0)))
    losses, plain = (work.losses(one.outcome("truncate", spec)) for one in (work, whole))
    assert np.abs(losses - plain).max() <= 1e-6 * np.abs(plain).max()


@pytest.mark.parametrize("name", ["finetune", "recover"])
def test_trained_probabilities_are_as_certain_as_validation_bears_out(work: Workplace, name: Name) -> None:
    weights = work.bench.trained_weights(Trial("x", work.spec(name), work.outcome(name)))
    logits = work.bench.logits(weights, "valid", lambda: None)
    classes = logits[:, : len(work.bench.task.classes)]
    assert fit_temperature(classes, work.bench.truth("valid")[0]) <= 1 + 1e-3


@pytest.mark.parametrize("name", ["finetune", "recover"])
def test_the_kept_weights_give_the_kept_losses(work: Workplace, name: Name) -> None:
    outcome = work.outcome(name)
    weights = work.bench.trained_weights(Trial("x", work.spec(name), outcome))
    again = work.bench.losses(work.bench.logits(weights, "valid", lambda: None), "valid")
    assert np.abs(again - work.losses(outcome)).max() <= 1e-5


@pytest.mark.parametrize("name", ["finetune", "truncate", "recover", "uncut"])
def test_a_trial_keeps_what_is_read_again_and_no_more(work: Workplace, name: Name) -> None:
    kept = {"truncate": set(), "uncut": {"weights"}}
    assert work.outcome(name).artifacts.keys() == kept.get(name, {"weights", "trace"})
