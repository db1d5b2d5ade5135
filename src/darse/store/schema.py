"""The tables of a store: columns a database has to compare, a JSON body for the rest, a digest over both.

    darse_ledger    one row: how many studies there are, so that a lost one is noticed
    darse_studies   one row per study; its body also counts what the study owns
    darse_trials    one row per trial, shared by all studies; state, fencing token, end of the lease
    darse_asks      which study asked for which trial, in which order
    darse_findings  a stage's finding per study
    darse_events    what happened in a study
    darse_artifacts bytes by their SHA-256, on a database server; beside a SQLite file lies a folder instead
    darse_version   the schema's revision, kept by Alembic

The prefix keeps a store apart from the other tables of a shared database server.
"""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

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
