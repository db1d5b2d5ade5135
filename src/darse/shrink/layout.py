"""Where an adapter has pairs to the sites that get one rank each, and plans over both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darse.errors import AdapterError
from darse.ranks.plan import RankPlan, Site, Weight, cost
from darse.ranks.sites import find_sites


@dataclass(frozen=True)
class Layout:
    """The adapted modules and their grouping.

    Attributes:
        modules: One site for each adapted module, from input to output; trials carry plans over these.
        stored: Rank of each module's pair.
        sites: What gets one rank: the modules themselves, layers or groups of layers, modules without a pair left out.
        groups: Places of each site's modules.
    """

    modules: tuple[Site, ...]
    stored: tuple[int, ...]
    sites: tuple[Site, ...]
    groups: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, weights: Sequence[Weight], ranks: Mapping[str, int], granularity: str) -> Layout:
        """The layout of an adapter.

        Args:
            weights: All weights of the model that can carry a pair.
            ranks: Stored rank of each adapted weight.
            granularity: `module`, `layer` or `group:N`.

        Raises:
            SettingsError: The granularity is none of these.
        """
        adapted = [weight for weight in weights if weight.name in ranks]
        if not adapted:
            raise AdapterError("the adapter has no pair inside of the model's layers; there is nothing to cut")
        places = {weight.name: place for place, weight in enumerate(adapted)}
        sites = tuple(site for site in find_sites(adapted, granularity) if site.weights)
        return cls(
            find_sites(adapted, "module"),
            tuple(ranks[weight.name] for weight in adapted),
            sites,
            tuple(tuple(places[weight.name] for weight in site.weights) for site in sites),
        )

    @property
    def whole(self) -> RankPlan:
        """The plan that cuts nothing: a rank above the smaller side of a weight says no more than that side."""
        return RankPlan.of(min(rank, module.max_rank) for rank, module in zip(self.stored, self.modules, strict=True))

    @property
    def stored_cost(self) -> int:
        """Parameters of the adapter as it is stored."""
        return cost(RankPlan(self.stored), self.modules)

    @property
    def tops(self) -> tuple[int, ...]:
        """The highest rank of each site."""
        whole = self.whole
        return tuple(max(whole[place] for place in group) for group in self.groups)

    def plan(self, ranks: Sequence[int]) -> RankPlan:
        """The plan over modules of a rank for each site; a module keeps its own rank where that is lower."""
        whole, found = self.whole, [0] * len(self.modules)
        for rank, group in zip(ranks, self.groups, strict=True):
            for place in group:
                found[place] = min(rank, whole[place])
        return RankPlan.of(found)

    def cost(self, plan: RankPlan) -> int:
        """Parameters of a plan over modules."""
        return cost(plan, self.modules)
