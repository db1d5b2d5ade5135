"""The name of this process in leases, and whether the process behind such a name still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def worker_name(pid: int | None = None) -> str:
    """Host, PID namespace, PID and start time: unique, and checkable on the same machine."""
    pid = os.getpid() if pid is None else pid
    return f"{_machine()}:{pid}:{_start_time(pid)}"


def is_dead(worker: str) -> bool:
    """Whether a worker is known to be gone: it ran on this machine and its process is no more.

    A worker on another machine is never known to be dead; its lease runs out by itself.
    """
    machine, _, rest = worker.rpartition(":")[0].rpartition(":")
    if machine != _machine() or not rest.isdigit():
        return False
    return worker != worker_name(int(rest))


def _machine() -> str:
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}:{inode}"


def _start_time(pid: int) -> str:
    try:
        # the 22nd field of stat, counted after the command's closing bracket; it may itself hold blanks
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "unknown" if pid == os.getpid() else "gone"
