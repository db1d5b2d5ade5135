"""A real PostgreSQL server for tests, made from nothing in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL

from sqlalchemy import create_engine, make_url, text

USER = "darse"
PASSWORD = "not-a-secret"


def binaries() -> Path | None:
    """The folder of the newest server's programs; None where none is installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    found += [Path(on_path).parent] if on_path else []
    return max(found, default=None, key=str)


@contextmanager
def running_server(programs: Path) -> Iterator[str]:
    """The address of a server that runs as long as the block; it listens on loopback alone.

    Args:
        programs: From `binaries`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # not in pytest's own folder, which only its owner may enter
    folder = Path(tempfile.mkdtemp(prefix="darse-postgres-"))
    data, secret = str(folder / "data"), folder / "password"
    secret.write_text(PASSWORD)
    as_other: Sequence[str] = ()
    if os.getuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        shutil.chown(secret, "postgres")
        as_other = ("runuser", "-u", "postgres", "--")

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_other, str(programs / program), "-D", data, *arguments], check=True, stdout=DEVNULL, cwd="/"
        )

    try:
        call("initdb", "-U", USER, "-A", "scram-sha-256", "--pwfile", str(secret), "--no-sync")
        # what is not durable here is no loss: the folder is thrown away
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@contextmanager
def fresh_schema(server: str) -> Iterator[str]:
    """The address of an empty schema on a server."""
    schema = f"darse_{uuid.uuid4().hex}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = make_url(server).update_query_dict({"options": f"-csearch_path={schema}"})
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()
