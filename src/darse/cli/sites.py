"""`darse sites`: the layers of a model, their weights and what a rank costs in each."""

from __future__ import annotations

import json


def run_sites(model: str, granularity: str, *, trust_remote_code: bool, as_json: bool) -> None:
    """Print the sites of a model."""
    from darse.amounts import plural
    from darse.data.example import Task
    from darse.model.base import body_parameters, find_base
    from darse.ranks.sites import find_sites, find_weights

    base = find_base(model, trust_remote_code=trust_remote_code)
    classifier = base.classifier(Task(has_score=True))
    parameters = body_parameters(classifier)
    sites = find_sites(find_weights(classifier), granularity)
    if as_json:
        listed = [
            {
                "site": site.name,
                "unit_cost": site.unit_cost,
                "max_rank": site.max_rank,
                "weights": [{"name": one.name, "d_in": one.d_in, "d_out": one.d_out} for one in site.weights],
            }
            for site in sites
        ]
        print(json.dumps({"model": base.name, "parameters": parameters, "sites": listed}, indent=2))
        return
    print(f"{base.name}: {parameters:,} parameters, {plural(len(sites), 'site')}")
    for site in sites:
        share = site.unit_cost / parameters
        print(f"\n{site.name}: a rank costs {site.unit_cost:,} parameters ({share:.3%}), at most rank {site.max_rank}")
        for one in site.weights:
            print(f"  {one.name}  {one.d_in} -> {one.d_out}")
    total = sum(site.unit_cost for site in sites)
    print(f"\nuniform rank 8 costs {8 * total:,} parameters ({8 * total / parameters:.2%})")
