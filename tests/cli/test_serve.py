"""`darse serve` at its edges: what is refused before anything is loaded, and a server that really runs."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from darse.cli.main import run
from darse.store.open import open_store
from tests.conftest import SmallStudy

WAIT_S = 60.0


@pytest.fixture
def adapter(small_study: SmallStudy) -> str:
    return str(small_study.folder / "adapter")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--canary", "b"], "say how many texts the canary answers with --percent"),
        (["--canary", "b", "--percent", "5", "--shadow"], "drop --percent or --shadow"),
        (["--percent", "5"], "name it with --canary"),
        (["--percent", "101", "--canary", "b"], "101"),
        (["--host", "0.0.0.0"], "no token is set; set DARSE_TOKEN"),
        (["--port", "65536"], "--port must be 65535 or less, got 65536"),
        (["--max-texts", "9", "--max-waiting", "8"], "--max-waiting is 8, below the 9 texts"),
        (["--prod", "nobody", "--no-log"], "there is no adapter 'nobody'"),
        (["--no-log", "--keep-text"], "--no-log keeps nothing"),
        (["--keep-days", "0"], "--keep-days must be above 0, got 0"),
        (["--host", "999.9.9.9", "--port", "0"], "DARSE_TOKEN"),
    ],
)
def test_wrong_options_are_one_line(
    adapter: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DARSE_TOKEN", raising=False)
    assert run(["serve", adapter, *options]) == 2
    assert said in capsys.readouterr().err


def test_a_port_in_use_is_one_line(adapter: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", adapter, "--port", str(port), "--no-log"]) == 2
    assert (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port" in capsys.readouterr().err
    )


def test_a_weak_token_is_refused_and_not_shown(
    adapter: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARSE_TOKEN", "hunter2")
    assert run(["serve", adapter]) == 2
    said = capsys.readouterr().err
    assert "the token is too weak" in said
    assert "hunter2" not in said


def test_what_is_not_installed_is_named_with_its_extra(
    adapter: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("darse.cli.serve.find_spec", lambda name: None if name == "uvicorn" else found(name))
    assert run(["serve", adapter]) == 2
    assert "uvicorn is not installed; run: pip install uvicorn (in the repository: pip install '.[serve]')" in (
        capsys.readouterr().err
    )


def test_a_folder_of_adapters_is_served_until_it_is_stopped_and_comes_back_as_it_was(
    small_study: SmallStudy, tmp_path: Path
) -> None:
    models, store = tmp_path / "models", tmp_path / "traffic.db"
    for name in ("first", "second"):
        shutil.copytree(small_study.folder / "adapter", models / name)
    token = "a-token-of-sixteen-characters"
    for options, expected in [(["--prod", "first", "--canary", "second", "--percent", "40"], "first"), ([], "second")]:
        command = [sys.executable, "-m", "darse", "serve", str(models), "--port", "0", "--store", str(store), *options]
        environment = {**os.environ, "DARSE_TOKEN": token}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
            assert server.stderr is not None
            first = server.stderr.readline()
            found = re.fullmatch(r"(\w+) \([0-9a-f]{12}\) answers at (http://127\.0\.0\.1:\d+)\n", first)
            assert found is not None, first
            assert found[1] == expected
            headers = {"authorization": f"Bearer {token}"}
            with httpx.Client(base_url=found[2], headers=headers, timeout=WAIT_S) as client:
                (said,) = client.post("/v1/score", json={"text": "good", "id": "x"}).json()["results"]
                assert said["adapter"] in {"first", "second"}
                if options:
                    assert client.post("/v1/promote").json()["prod"]["name"] == "second"
            server.send_signal(signal.SIGTERM)
            rest = server.stderr.read()
            assert server.wait(WAIT_S) == 143
            assert token not in first + rest
            assert "stopped by SIGTERM" in rest
            assert f"answers, and digests of texts, are kept in {store}" in rest
    with open_store(store) as opened:
        assert [row.key for row in opened.traffic.served(0, math.inf)] == ["x", "x"]
