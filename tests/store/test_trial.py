"""A trial's spec in JSON and back; the names of trials that were ever stored stay what they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from darse.ranks.plan import RankPlan
from darse.store.trial import EvaluatorName, TrialSpec

NAMES = st.text("0123456789abcdef", min_size=32, max_size=32)
KINDS: list[EvaluatorName] = ["finetune", "truncate", "recover"]


@given(
    st.lists(st.integers(0, 512), min_size=1, max_size=5),
    st.integers(0, 9),
    st.floats(0, 1),
    st.integers(0, 20),
    st.sampled_from(KINDS),
    st.lists(NAMES, max_size=4),
)
def test_a_spec_survives_its_own_json(
    ranks: list[int], seed: int, rate: float, epochs: int, evaluator: EvaluatorName, parents: list[str]
) -> None:
    spec = TrialSpec(RankPlan.of(ranks), seed, rate, epochs, evaluator, tuple(parents))
    assert TrialSpec.from_json(spec.as_json()) == spec


def test_names_of_trials_are_those_of_the_first_release() -> None:
    run = TrialSpec(RankPlan((1, 2)), 0, 1e-3, 3)
    cut = TrialSpec(RankPlan((1, 0)), 0, 0.0, 0, "truncate", (run.id("c"),))
    assert (run.id("c"), cut.id("c")) == ("85ecfebc84e26b443d0cf652e9075624", "a02193a109231ce4c23a942fc8ea6209")
