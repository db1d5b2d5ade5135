"""What `darse doctor` says of a store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from darse.cli.main import run
from darse.store.open import open_study_store
from tests.conftest import SmallStudy


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_good_store_is_counted_and_left_as_it_was(
    form: str, small_study: SmallStudy, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = small_study.folder / "study.db"
    before = store.read_bytes()
    assert run(["doctor", "--model", str(tiny_bert), "--store", form.format(store)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " store " in line]
    assert line.split() == ["ok", "store", f"{form.format(store)}:", "1", "study,", "nothing", "is", "missing"]
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: None, "there is no store"),
        (lambda path: path.write_bytes(b"not a database" * 100), "is not a store"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.mkdir(), "is not a regular file"),
    ],
    ids=["absent", "garbage", "empty", "folder"],
)
def test_a_bad_store_is_named_with_what_to_do_and_ends_with_1(
    harm: Callable[[Path], object], said: str, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harm(tmp_path / "team.db")
    asked = ["doctor", "--model", str(tiny_bert), "--store", str(tmp_path / "team.db")]
    assert run(asked) == 1
    captured = capsys.readouterr()
    (line,) = [line for line in captured.out.splitlines() if line.startswith("BAD")]
    assert line.split()[:2] == ["BAD", "store"]
    assert said in line
    assert str(tmp_path / "team.db") in line
    assert not captured.err
    assert run([*asked, "--json"]) == 1
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)}
    assert [what for what, check in checks.items() if not check["is_good"]] == ["store"]


@pytest.mark.parametrize("kept", ["losses", "weights", "result", "test logits"])
@pytest.mark.parametrize(
    "harm", [Path.unlink, lambda path: path.write_bytes(b"other bytes")], ids=["missing", "damaged"]
)
def test_a_study_whose_artifacts_are_missing_or_damaged_is_told(
    harm: Callable[[Path], object],
    kept: str,
    small_study: SmallStudy,
    tiny_bert: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(small_study.folder, tmp_path / "study")
    with open_study_store(folder) as store:
        (record,) = store.studies()
        trial = next(one for one in store.trials(record.id) if "weights" in one.outcome.artifacts)
        findings = store.findings(record.id)
    digest = {
        "losses": trial.outcome.losses,
        "weights": trial.outcome.artifacts["weights"],
        "result": str(findings["result"]["artifact"]),
        "test logits": next(str(one["artifact"]) for name, one in findings.items() if name.startswith("test ")),
    }[kept]
    harm(folder / "artifacts" / digest[:2] / digest)
    assert run(["doctor", "--model", str(tiny_bert), "--store", str(folder / "study.db")]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert f"study {record.id}: the artifact" in line
    assert digest in line


def test_the_password_of_a_store_is_not_shown(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = "postgresql+psycopg://ann:s3cret@127.0.0.1:9/darse"
    assert run(["doctor", "--model", str(tiny_bert), "--store", address]) == 1
    captured = capsys.readouterr()
    assert "BAD  store" in captured.out
    assert "s3cret" not in captured.out + captured.err
