"""R7 and R8: disks without room and places that may not be used."""

from __future__ import annotations

import ctypes
import functools
import os
import resource
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darse.errors import StoreError
from darse.store.open import open_store
from darse.store.protocol import Store

from ..samples import STUDY, a_record, an_outcome, claimed
from .forks import Result, note, notes, run_alone

_NOBODY = 65534
_CLONE_NEWNS = 0x00020000
_MS_REMOUNT, _MS_PRIVATE_ALL = 0x20, 0x44000
_SMALLEST_BYTES, _STEP_BYTES = 20_000, 7_000
_MISSED = "0 unclear messages, lost trials or failed resumptions"


@dataclass(frozen=True)
class Disk:
    """A disk that can be made too small and large enough again.

    Attributes:
        name: Its name in a problem.
        shrink: Leaves little room from now on.
        widen: Gives room again.
        artifact_bytes: The growth of each trial's artifact, 0 for none; it decides what runs out of room first.
    """

    name: str
    shrink: Callable[[], None]
    widen: Callable[[], None]
    artifact_bytes: int


def fill_disks(folder: Path, *, budgets: int) -> Result:
    """Give a writer files of at most so many bytes, for many budgets, then room again; R7."""
    problems: list[str] = []
    for number in range(budgets):
        place = folder / str(number)
        place.mkdir()
        budget = _SMALLEST_BYTES + number * _STEP_BYTES
        disk = Disk(
            f"budget {budget}",
            functools.partial(_limit_files, budget),
            functools.partial(_limit_files, resource.RLIM_INFINITY),
            0 if number % 3 else _STEP_BYTES,
        )
        problems += _problems_of(functools.partial(_fill, place, folder / "report.txt", disk), folder / "report.txt")
    figure = f"{budgets} budgets, {len(problems)} unclear messages, lost trials or failed resumptions"
    return Result("R7", "disk full, as a limit of bytes per file", figure, _MISSED, problems)


def fill_mounts(folder: Path, *, budgets: int) -> Result:
    """The same on file systems in memory that are really full; needs the right to mount; R7."""
    mount, report = folder / "mount", folder / "report.txt"
    mount.mkdir()
    what = "disk full, as a file system in memory"
    if run_alone(lambda: _mount(mount, kibibytes=1024)) != 0:
        return Result("R7m", what, "not run, no right to mount", _MISSED)
    problems: list[str] = []
    for number in range(budgets):
        kibibytes = 40 + 20 * number
        disk = Disk(
            f"file system of {kibibytes} KiB",
            lambda: None,
            functools.partial(_mount, mount, kibibytes=4096, is_mounted=True),
            0 if number % 2 else _STEP_BYTES,
        )

        def job(disk: Disk = disk, kibibytes: int = kibibytes) -> None:
            _mount(mount, kibibytes=kibibytes)
            _fill(mount, report, disk)

        problems += _problems_of(job, report)
    figure = f"{budgets} file systems, {len(problems)} unclear messages, lost trials or failed resumptions"
    return Result("R7m", what, figure, _MISSED, problems)


def use_forbidden_places(folder: Path) -> Result:
    """Use stores in places that are read-only, forbidden or missing, as an ordinary user; R8."""
    # Not below the test's own folder: that one is closed to other users.
    with tempfile.TemporaryDirectory(prefix="darse-r8-") as name:
        place = Path(name)
        cases = _forbidden_cases(place)
        place.chmod(0o755)
        report = place / "report" / "report.txt"
        report.parent.mkdir(mode=0o777)
        report.parent.chmod(0o777)
        problems = _problems_of(lambda: _use_all(cases, report), report)
    figure = f"{len(cases) - len(problems)} of {len(cases)} places refused in one line with exit code 3"
    return Result("R8", "read-only, forbidden and missing places", figure, "all refused", problems)


def _fill(place: Path, report: Path, disk: Disk) -> None:
    """Finish trials until the disk is full, get room, finish one more, and look for all of them."""
    path = place / "store.db"
    done: list[int] = []
    message = ""
    try:
        with open_store(path) as store:
            store.register_study(a_record())
            disk.shrink()
            while True:
                _finish_one(store, len(done), disk.artifact_bytes)
                done.append(len(done))
    except StoreError as error:
        message = str(error)
    if str(place) not in message or "\n" in message or "room" not in message:
        note(report, f"{disk.name}: unclear message {message!r}")
    disk.widen()
    with open_store(path) as store:
        store.register_study(a_record())
        _finish_one(store, len(done), disk.artifact_bytes, now=1000.0)
        done.append(len(done))
        found = [trial.outcome for trial in store.trials(STUDY)]
    if found != [an_outcome(number) for number in done]:
        note(report, f"{disk.name}: {len(done)} trials were finished, {len(found)} are there")


def _finish_one(store: Store, number: int, artifact_bytes: int, *, now: float = 1.0) -> None:
    if artifact_bytes:
        store.put_artifact(bytes([number % 256]) * (artifact_bytes * number))
    store.finish(claimed(store, number, now=now), an_outcome(number), now=now + 1.0)


def _limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _mount(folder: Path, *, kibibytes: int, is_mounted: bool = False) -> None:
    """Mount (or resize) a file system in memory that only this process sees."""
    library = ctypes.CDLL(None, use_errno=True)
    if not is_mounted and (
        library.unshare(_CLONE_NEWNS) != 0 or library.mount(None, b"/", None, _MS_PRIVATE_ALL, None) != 0
    ):
        raise OSError(ctypes.get_errno(), "cannot leave the mounts of the other processes")
    flags = _MS_REMOUNT if is_mounted else 0
    options = f"size={kibibytes}k".encode()
    if library.mount(b"tmpfs", bytes(folder), b"tmpfs", flags, options) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount a file system on {folder}")


def _forbidden_cases(place: Path) -> dict[str, Callable[[], object]]:
    """What must be refused, by name; made by the test's user, tried by another one."""
    for name in ("file read-only", "folder read-only", "forbidden", "artifacts read-only"):
        (place / name).mkdir()
        with open_store(place / name / "store.db") as store:
            store.register_study(a_record())
    (place / "file").write_text("a file")
    (place / "artifacts read-only").chmod(0o777)
    for path in (place / "artifacts read-only").iterdir():
        path.chmod(0o666)
    (place / "artifacts read-only" / "store-artifacts").mkdir(mode=0o555)
    (place / "file read-only").chmod(0o777)
    (place / "file read-only" / "store.db").chmod(0o444)
    (place / "folder read-only").chmod(0o555)
    (place / "forbidden").chmod(0o700)
    opened = {
        "a folder that is missing": place / "missing" / "store.db",
        "a folder": place / "folder read-only",
        "below a file": place / "file" / "store.db",
        "not a store": place / "file",
        "a device": Path("/dev/null"),
        "a place where nothing can be made": Path("/proc/store.db"),
        "a read-only file": place / "file read-only" / "store.db",
        "a store in a read-only folder": place / "folder read-only" / "store.db",
        "a new store in a read-only folder": place / "folder read-only" / "new.db",
        "a forbidden folder": place / "forbidden" / "store.db",
    }
    artifacts = place / "artifacts read-only" / "store.db"
    return {
        **{name: functools.partial(_open_and_write, path) for name, path in opened.items()},
        "a read-only artifacts folder": lambda: open_store(artifacts).put_artifact(b"weights"),
    }


def _open_and_write(path: Path) -> None:
    with open_store(path) as store:
        store.register_study(a_record("8" * 64))


def _use_all(cases: dict[str, Callable[[], object]], report: Path) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    for name, use in cases.items():
        try:
            use()
        except StoreError as error:
            if error.exit_code != 3 or "\n" in str(error) or "/" not in str(error) or ";" not in str(error):
                note(report, f"{name}: unclear message {error}")
        else:
            note(report, f"{name}: not refused")


def _problems_of(job: Callable[[], object], report: Path) -> list[str]:
    """Run a job in a child that notes its problems; a child that dies is one more."""
    report.unlink(missing_ok=True)
    code = run_alone(job)
    return [*notes(report), *([f"a child ended with {code}"] if code else [])]
