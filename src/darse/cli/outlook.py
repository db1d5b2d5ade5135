"""`darse explore --dry-run`: data, settings and a model to what a search would be, with nothing written."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from darse.amounts import plural
from darse.cli.estimate import estimate_as_json, estimate_lines
from darse.data.check import data_check_as_json, describe
from darse.data.example import LabelledData
from darse.execute.bench import Bench
from darse.execute.ground import Ground, find_ground
from darse.execute.rehearsal import rehearse
from darse.model.precision import resolved
from darse.ranks.plan import RankPlan, cost
from darse.settings import Settings
from darse.store.open import open_study_store


def show_outlook(data: LabelledData, settings: Settings, *, as_json: bool) -> None:
    """Print data check, sites and an estimate, as they would be before the first run.

    Raises:
        InputError: The model or a setting is wrong.
    """
    settings = resolved(settings)
    ground = find_ground(settings, data.task)
    # trials stand on a store; this one is never asked for any, and goes with its folder
    with tempfile.TemporaryDirectory(prefix="darse-") as folder, open_study_store(Path(folder)) as store:
        bench = ground.bench(data, settings, store, Path(folder))
        _tell(ground, bench, data, settings, as_json=as_json)


def _tell(ground: Ground, bench: Bench, data: LabelledData, settings: Settings, *, as_json: bool) -> None:
    check = bench.counted(data.check)
    if as_json:
        print(json.dumps({"event": "data", **data_check_as_json(check)}, allow_nan=False))
    else:
        print("\n".join([*describe(check), *_site_lines(ground, settings)]), flush=True)
    measured = rehearse(bench)
    if as_json:
        estimate = {} if measured is None else estimate_as_json(settings, measured)
        print(json.dumps({"event": "outlook", **_as_json(ground, settings), **estimate}, allow_nan=False))
    elif measured is not None:
        print("\n".join(estimate_lines(settings, measured)))


def _site_lines(ground: Ground, settings: Settings) -> list[str]:
    costs = sorted({site.unit_cost for site in ground.sites})
    each = f"{costs[0]:,}" if len(costs) == 1 else f"{costs[0]:,} to {costs[-1]:,}"
    most = RankPlan.uniform(ground.sites, settings.search.max_rank)
    budget = "none; what the data can use is found out" if ground.budget is None else plural(ground.budget, "parameter")
    return [
        f"model: {ground.base.name}, {plural(ground.base_parameters, 'parameter')}",
        f"sites: {len(ground.sites)} ({settings.search.granularity}), a rank costs {each} parameters in each;"
        f" rank {max(most)} everywhere {cost(most, ground.sites):,}",
        f"budget: {budget}",
    ]


def _as_json(ground: Ground, settings: Settings) -> dict[str, object]:
    return {
        "base": ground.base.name,
        "base_parameters": ground.base_parameters,
        "sites": {site.name: site.unit_cost for site in ground.sites},
        "max_rank": max(RankPlan.uniform(ground.sites, settings.search.max_rank)),
        "budget": ground.budget,
    }
