"""A rank for each site, and what it costs: the value that the whole search is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from darse.errors import PlanError


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight matrix that can carry a low-rank pair.

    Attributes:
        name: Its module's full name in the model, for example `bert.encoder.layer.0.attention.self.query`.
        d_in: Width of its input.
        d_out: Width of its output.
        layer: Index of its layer, from 0 at the input.
    """

    name: str
    d_in: int
    d_out: int
    layer: int

    @property
    def unit_cost(self) -> int:
        """Trainable parameters that one rank costs: d_in + d_out."""
        return self.d_in + self.d_out

    @property
    def max_rank(self) -> int:
        """The smaller side; a higher rank adds parameters and no function."""
        return min(self.d_in, self.d_out)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a rank is set: a layer, a group of layers or a single module.

    Attributes:
        name: Short name shown to people, for example `layer 3`.
        weights: The weights that all get the site's rank.
    """

    name: str
    weights: tuple[Weight, ...]

    @property
    def unit_cost(self) -> int:
        """Trainable parameters that one rank costs over all weights of the site."""
        return sum(weight.unit_cost for weight in self.weights)

    @property
    def max_rank(self) -> int:
        """The largest rank that every weight of the site can carry."""
        return min(weight.max_rank for weight in self.weights)


@dataclass(frozen=True, slots=True, order=True)
class RankPlan:
    """Rank per site, in the order of the sites; rank 0 leaves a site out.

    >>> plan = RankPlan((0, 4, 4, 0))
    >>> plan.active, str(plan)
    ((1, 2), '0 4 4 0')
    """

    ranks: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse ranks below 0."""
        if any(rank < 0 for rank in self.ranks):
            raise PlanError(f"a rank is 0 or more, not {min(self.ranks)}")

    @classmethod
    def uniform(cls, sites: Sequence[Site], rank: int) -> RankPlan:
        """The same rank everywhere, cut where a site cannot carry it."""
        return cls(tuple(min(rank, site.max_rank) for site in sites))

    @classmethod
    def of(cls, ranks: Iterable[int]) -> RankPlan:
        """A plan from any sequence of ranks."""
        return cls(tuple(ranks))

    @property
    def active(self) -> tuple[int, ...]:
        """Indices of the sites that have a rank."""
        return tuple(index for index, rank in enumerate(self.ranks) if rank)

    def replace(self, site: int, rank: int) -> RankPlan:
        """The plan with another rank at one site."""
        return RankPlan((*self.ranks[:site], rank, *self.ranks[site + 1 :]))

    def __str__(self) -> str:
        """The ranks, separated by spaces."""
        return " ".join(map(str, self.ranks))

    def __len__(self) -> int:
        """How many sites."""
        return len(self.ranks)

    def __iter__(self) -> Iterator[int]:
        """The ranks in the order of the sites."""
        return iter(self.ranks)

    def __getitem__(self, site: int) -> int:
        """The rank of one site."""
        return self.ranks[site]


def is_uniform(plan: RankPlan, sites: Sequence[Site]) -> bool:
    """Whether a plan is `RankPlan.uniform` of some rank: the same everywhere, cut where a site cannot carry it.

    >>> narrow, wide = Site("narrow", (Weight("a", 2, 9, 0),)), Site("wide", (Weight("b", 9, 9, 1),))
    >>> is_uniform(RankPlan((2, 4)), [narrow, wide]), is_uniform(RankPlan((1, 4)), [narrow, wide])
    (True, False)
    """
    return plan == RankPlan.uniform(sites, max(plan, default=0))


def cost(plan: RankPlan, sites: Sequence[Site]) -> int:
    """Trainable adapter parameters of a plan: sum over weights of r * (d_in + d_out); the head is counted apart.

    Source: DARSE (arXiv 2410.16589), the constraint sum_i r_i (m_i + n_i) <= B.

    >>> layer = Site("layer 0", (Weight("q", 4, 4, 0), Weight("ffn", 4, 16, 0)))
    >>> cost(RankPlan((2,)), [layer])
    56
    """
    return sum(rank * site.unit_cost for rank, site in zip(plan, sites, strict=True))


def ranks_by_weight(plan: RankPlan, sites: Sequence[Site]) -> Mapping[str, int]:
    """Rank of every weight that has one, by the weight's full name."""
    return {weight.name: rank for rank, site in zip(plan, sites, strict=True) if rank for weight in site.weights}
