"""A matrix that is killed with SIGKILL loses no finished cell and computes none of them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from darse.store.open import open_store
from darse.testing.matrix import Watcher, fill_matrix

from .killed_matrix import SETS, entries

ROOT = Path(__file__).resolve().parents[2]
KILLS = 2


def test_a_killed_matrix_goes_on_with_the_first_missing_cell(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for kill in range(KILLS):
        command = [sys.executable, "-m", "tests.crash.killed_matrix", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(2 + kill):
                assert child.stdout.readline()
            child.kill()
    with open_store(path) as store:
        before = {row.id for row in store.evaluations.cells()}
        assert 0 < len(before) < 4 * len(SETS)
        begun: list[tuple[int, int]] = []
        answered: list[str] = []
        tables = fill_matrix(
            store, entries(answered.append, 0), SETS, watcher=Watcher(begun=lambda *counts: begun.append(counts))
        )
        after = {row.id for row in store.evaluations.cells()}
    assert begun == [(20, len(before))]
    assert len(answered) == 20 - len(before)
    assert before < after
    assert len(after) == sum(len(table.cells) for table in tables) == 20
