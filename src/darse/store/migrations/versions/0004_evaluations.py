"""What adapters answer on files, which results have a name, and how gates ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "darse_cells",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.Column("data", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_darse_cells_data", "darse_cells", ["data"])
    op.create_table(
        "darse_baselines",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_darse_baselines_name", "darse_baselines", ["name"])
    op.create_table(
        "darse_gates",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("baseline", sa.String(128), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
