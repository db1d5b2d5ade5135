"""The released migrations with one more on top, as a later release would bring it."""

from __future__ import annotations

import shutil
from pathlib import Path

from darse.store.migrate import RELEASED, Migrations

_NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"

def upgrade() -> None:
    op.create_table("darse_notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
    op.execute("INSERT INTO darse_notes (id, text) VALUES (1, 'new')")
    {last}
"""


def future_migrations(folder: Path, *, last: str = "") -> Migrations:
    """Migrations with a revision that no release has yet.

    Args:
        folder: Where they are written, once.
        last: A statement at the end of the new migration, for example one that fails.
    """
    revision = f"{int(RELEASED.head) + 1:04d}"
    if not folder.exists():
        shutil.copytree(RELEASED.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
        code = _NEXT.format(revision=revision, previous=RELEASED.head, last=last)
        (folder / "versions" / f"{revision}_next.py").write_text(code)
    return Migrations(folder, revision)
