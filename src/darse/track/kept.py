"""A training run's trace to an artifact of a store, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from darse.errors import CorruptStoreError
from darse.files import canonical_json
from darse.store.protocol import Store
from darse.store.trial import Trial
from darse.train.trace import Trace, TracePoint

TRACE = "trace"
"""The role of the artifact in an outcome."""
MAX_BYTES = 64 << 20
"""Of a trace: a thousand epochs of a thousand modules have less."""
_Floats = list[Annotated[float, Field(ge=0)]]


class _Point(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epoch: Annotated[int, Field(ge=0)]
    gradient: _Floats
    update: _Floats
    effective_rank: _Floats


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    modules: list[str]
    ranks: list[Annotated[int, Field(ge=0)]]
    points: list[_Point]


def put_trace(store: Store, trace: Trace) -> str:
    """Keep a trace and return its artifact's digest."""
    return store.put_artifact(trace_to_bytes(trace))


def read_trace(store: Store, trial: Trial) -> Trace | None:
    """The trace of a finished run; None where none was kept, as up to 0.2.

    Raises:
        CorruptStoreError: It is missing or changed.
    """
    digest = trial.outcome.artifacts.get(TRACE)
    return None if digest is None else trace_from_bytes(store.artifact(digest))


def trace_to_bytes(trace: Trace) -> bytes:
    """A trace as JSON."""
    return canonical_json(asdict(trace)).encode()


def trace_from_bytes(content: bytes) -> Trace:
    """The inverse of `trace_to_bytes`.

    Raises:
        CorruptStoreError: The bytes are something else.
    """
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has {len(content)} bytes, and {MAX_BYTES} are the most")
        body = _Body.model_validate_json(content)
        _check_widths(body)
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise CorruptStoreError(f"the trace of a run is not what it should be ({reason})") from error
    points = tuple(
        TracePoint(one.epoch, tuple(one.gradient), tuple(one.update), tuple(one.effective_rank)) for one in body.points
    )
    return Trace(tuple(body.modules), tuple(body.ranks), points)


def _check_widths(body: _Body) -> None:
    """Each figure has one value for each module."""
    widths = {len(row) for one in body.points for row in (one.gradient, one.update, one.effective_rank)}
    if not {len(body.ranks), *widths} <= {len(body.modules)}:
        raise ValueError("it has more or fewer values than modules")
