"""The name of this process in leases, and whether the process behind such a name still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_UNKNOWN = "unknown"
_GONE = "gone"


def worker_name(pid: int | None = None) -> str:
    """Host, boot, PID namespace, PID and start time: unique, and checkable on the same machine."""
    pid = os.getpid() if pid is None else pid
    return f"{_machine()}:{pid}:{_start_time(pid)}"


def is_dead(worker: str) -> bool:
    """Whether a worker is known to be gone: it ran on this machine and its process is no more.

    A worker on another machine is never known to be dead; its lease runs out by itself.
    """
    place, _, started = worker.rpartition(":")
    machine, _, pid = place.rpartition(":")
    if machine != _machine() or not (pid.isascii() and pid.isdigit()):
        return False
    return not _exists(int(pid)) if started == _UNKNOWN else worker != worker_name(int(pid))


def _machine() -> str:
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}:{_boot()}:{inode}"


def _boot() -> str:
    """What no two machines share; they may share a name, and then also the number of a namespace."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _UNKNOWN


def _start_time(pid: int) -> str:
    try:
        # fields after the command's closing bracket, since the command may itself hold blanks
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _UNKNOWN if pid == os.getpid() else _GONE
    # a zombie has ended, its parent has only not asked yet
    return _GONE if fields[0] in {"Z", "X"} else fields[19]


def _exists(pid: int) -> bool:
    """For systems without /proc: whether any process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
