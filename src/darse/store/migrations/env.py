"""Alembic's entry: the connection that `darse.store.migrate` passes in to migrations run on it."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from darse.store.schema import METADATA, VERSION_TABLE


def run() -> None:
    """Run the migrations inside the transaction that the caller has begun: all of them or none."""
    connection = context.config.attributes["connection"]
    if not isinstance(connection, Connection):
        raise TypeError("the migrations of a store run through darse.store.open_store")
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table=VERSION_TABLE,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


# Alembic loads this file under the name `env_py`; an import of the package's modules runs nothing.
if __name__ == "env_py":
    run()
