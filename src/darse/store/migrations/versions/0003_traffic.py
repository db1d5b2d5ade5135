"""What servers have answered, and what was true of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "darse_served",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("adapter", sa.String(64), nullable=False),
        sa.Column("served_as", sa.String(16), nullable=False),
        sa.Column("label", sa.String(256)),
        sa.Column("score", sa.Double),
        sa.Column("confidence", sa.Double),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_darse_served_time", "darse_served", ["time"])
    op.create_index("ix_darse_served_key", "darse_served", ["key"])
    op.create_table(
        "darse_feedback",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("label", sa.String(256)),
        sa.Column("score", sa.Double),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_darse_feedback_key", "darse_feedback", ["key"])
    op.create_table(
        "darse_usual",
        sa.Column("adapter", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "darse_alerts",
        sa.Column("rule", sa.String(128), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "darse_minutes",
        sa.Column("minute", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("server", sa.String(64), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
