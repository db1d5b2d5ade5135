"""What people call one of a study's plans to that plan, and to the run whose adapter is exported."""

from __future__ import annotations

from darse.errors import InputError
from darse.names import printable
from darse.ranks.plan import is_uniform
from darse.report.facts import FOUND, NamedPlan, named_plans
from darse.search.controls import BEST_UNIFORM, option_name
from darse.search.result import Result
from darse.store.trial import Trial


def plan_name(name: str | None) -> str:
    """A plan's name as `--plan` takes it, spelled out: `uniform` is short for the best uniform plan.

    >>> plan_name(None), plan_name("uniform"), plan_name("uniform of equal cost")
    ('found-plan', 'best-uniform', 'uniform-of-equal-cost')
    """
    return option_name(FOUND if name is None else BEST_UNIFORM if name == "uniform" else name)


def choose_plan(result: Result, name: str | None) -> NamedPlan:
    """The found plan for None, or the plan of a name: `found-plan`, or a control such as `shuffled`.

    The best uniform plan has its name also where it is what the search has found, and so is no control.

    Raises:
        InputError: The study has no plan of that name.
    """
    plans = {option_name(one.name): one for one in named_plans(result)}
    if is_uniform(result.plan, result.sites):
        plans.setdefault(option_name(BEST_UNIFORM), plans[option_name(FOUND)])
    wanted = plan_name(name)
    if wanted not in plans:
        raise InputError(f"the study has no plan {printable(wanted)!r}; it has {', '.join(plans)}")
    return plans[wanted]


def choose_run(result: Result, plan: NamedPlan) -> Trial:
    """The trial whose adapter is exported: the plan's best one on validation, a variant of the found plan included.

    Raises:
        InputError: No run of the plan has left an adapter.
    """
    if result.quality is None:
        raise InputError("this study used its own evaluator and has no adapter; export the plan: --as lora-config")
    if plan.name == FOUND:
        return result.exported_trial
    if not plan.runs:
        raise InputError(f"{plan.name} was not trained, for want of trials or minutes; allow more and explore again")
    return min(plan.runs, key=lambda run: run.outcome.score)
