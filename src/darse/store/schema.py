"""The tables of a store: columns a database has to compare, a JSON body for the rest, a digest over both.

    darse_ledger    one row: how many studies there are, so that a lost one is noticed
    darse_studies   one row per study; its body also counts what the study owns
    darse_trials    one row per trial, shared by all studies; state, fencing token, end of the lease
    darse_asks      which study asked for which trial, in which order
    darse_findings  a stage's finding per study
    darse_events    what happened in a study
    darse_served    one row per text that a server has scored
    darse_feedback  what was true of a text that was scored
    darse_usual     what an adapter says of rows that it has not learned from
    darse_alerts    how a rule stands, and what has still to be told
    darse_minutes   how many requests a server has answered in a minute, and how
    darse_cells     what an adapter, or a reference point, answers on the rows of a file
    darse_baselines which adapter a name was given to, every time
    darse_gates     how a gate ended
    darse_artifacts bytes by their SHA-256, on a database server; beside a SQLite file lies a folder instead
    darse_version   the schema's revision, kept by Alembic

The prefix keeps a store apart from the other tables of a shared database server.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from darse.store.seal import NUMBERED

VERSION_TABLE = "darse_version"
LEDGER_ID = 1

METADATA = MetaData()

LEDGER = Table(
    "darse_ledger",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

STUDIES = Table(
    "darse_studies",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

TRIALS = Table(
    "darse_trials",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires", Double),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

ASKS = Table(
    "darse_asks",
    METADATA,
    Column("study", String(128), ForeignKey("darse_studies.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("trial", String(64), ForeignKey("darse_trials.id"), nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("study", "trial", name="uq_darse_asks_study_trial"),
)

FINDINGS = Table(
    "darse_findings",
    METADATA,
    Column("study", String(128), ForeignKey("darse_studies.id"), primary_key=True),
    Column("stage", String(128), primary_key=True),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

EVENTS = Table(
    "darse_events",
    METADATA,
    Column("study", String(128), ForeignKey("darse_studies.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

ARTIFACTS = Table(
    "darse_artifacts",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

SERVED = Table(
    "darse_served",
    METADATA,
    Column("number", _NUMBER, primary_key=True, info={NUMBERED: True}),
    Column("time", Double, nullable=False),
    Column("key", String(128), nullable=False),
    Column("adapter", String(64), nullable=False),
    Column("served_as", String(16), nullable=False),
    Column("label", String(256)),
    Column("score", Double),
    Column("confidence", Double),
    Column("characters", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("ix_darse_served_time", "time"),
    Index("ix_darse_served_key", "key"),
)

FEEDBACK = Table(
    "darse_feedback",
    METADATA,
    Column("number", _NUMBER, primary_key=True, info={NUMBERED: True}),
    Column("time", Double, nullable=False),
    Column("key", String(128), nullable=False),
    Column("label", String(256)),
    Column("score", Double),
    Column("digest", String(64), nullable=False),
    Index("ix_darse_feedback_key", "key"),
)

USUAL = Table(
    "darse_usual",
    METADATA,
    Column("adapter", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

ALERTS = Table(
    "darse_alerts",
    METADATA,
    Column("rule", String(128), primary_key=True),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)

MINUTES = Table(
    "darse_minutes",
    METADATA,
    Column("minute", _NUMBER, primary_key=True, autoincrement=False),
    Column("server", String(64), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)

CELLS = Table(
    "darse_cells",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("time", Double, nullable=False),
    Column("entry", String(64), nullable=False),
    Column("data", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("ix_darse_cells_data", "data"),
)

BASELINES = Table(
    "darse_baselines",
    METADATA,
    Column("number", _NUMBER, primary_key=True, info={NUMBERED: True}),
    Column("time", Double, nullable=False),
    Column("name", String(128), nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("ix_darse_baselines_name", "name"),
)

GATES = Table(
    "darse_gates",
    METADATA,
    Column("number", _NUMBER, primary_key=True, info={NUMBERED: True}),
    Column("time", Double, nullable=False),
    Column("baseline", String(128), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)
