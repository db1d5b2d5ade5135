"""What a terminal, a pipe or a full disk does to the output of a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darse.cli.main import run
from tests.conftest import SmallStudy

_SHORT_ENVIRONMENT = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def _command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "darse", *map(str, arguments)]


def test_the_module_is_the_command() -> None:
    done = subprocess.run(_command("--version"), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("darse ")


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_a_terminal_that_cannot_say_a_character_gets_an_escape(variables: dict[str, str]) -> None:
    code = (
        "from darse.cli import main, verbs\n"
        "@verbs.app.command()\n"
        "def say(): print('r\\u00e9sum\\u00e9 \\udcff')\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "say"],
        env=_SHORT_ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "internal error" in done.stderr) == (0, False), done.stderr
    assert done.stdout == "r\\xe9sum\\xe9 \\udcff\n"


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("studies",)])
def test_a_reader_that_goes_away_is_no_failure(small_study: SmallStudy, arguments: tuple[str, ...]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    folder = [small_study.folder] if arguments == ("studies",) else []
    done = subprocess.run(
        _command(*arguments, *folder), stdout=write_end, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_to_a_full_disk_is_one_line_and_exit_3() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(_command("--help"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == "darse: cannot write: No space left on device; free some room\n"


def test_a_verdict_nested_without_end_is_as_good_as_none(
    small_study: SmallStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.db").write_bytes((small_study.folder / "study.db").read_bytes())
    (tmp_path / "verdict.json").write_text("[" * 200_000)
    assert run(["studies", str(tmp_path)]) == 0
    run(["report", str(tmp_path), "--json"])
    assert "internal error" not in capsys.readouterr().err
