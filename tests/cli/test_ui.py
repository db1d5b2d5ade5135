"""`darse ui` at its edges: what is refused before a page is there, and pages that really are there until a signal."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from darse.cli.main import run
from tests.ui.shelves import keep_log, keep_study

WAIT_S = 60.0
TOKEN = "a-token-of-sixteen-characters"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["no/such/folder"], "there is no no/such/folder; give a folder of studies, or a store"),
        (["--host", "0.0.0.0"], "no token is set; set DARSE_TOKEN"),
        (["--port", "65536"], "--port must be 65535 or less, got 65536"),
        (["--port", "0", "--rules", "no/such.yaml"], "no/such.yaml cannot be read"),
        (["post gres://ann:s3cret@db"], "the address of a store cannot be read"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    tmp_path: Path,
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DARSE_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(["ui", *options]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "s3cret" not in told
    assert len(told.splitlines()) == 1


def test_a_port_in_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["ui", str(tmp_path), "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_what_is_not_installed_is_named_with_its_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("darse.cli.ui.find_spec", lambda name: None if name == "fastapi" else found(name))
    assert run(["ui"]) == 2
    assert "fastapi is not installed" in (told := capsys.readouterr().err)
    assert "pip install '.[ui]'" in told


def test_the_pages_of_a_folder_are_there_until_a_signal_also_while_one_is_followed(tmp_path: Path) -> None:
    keep_study(tmp_path / "one", state="running", queued=2)
    keep_log(tmp_path / "darse-traffic.db", hours=1)
    command = [sys.executable, "-m", "darse", "ui", str(tmp_path), "--port", "0"]
    environment = {**os.environ, "DARSE_TOKEN": TOKEN}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr is not None
        first = server.stderr.readline()
        found = re.match(r"2 stores; open (http://127\.0\.0\.1:\d+)/ in a browser; a token is asked for", first)
        assert found is not None, first
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=found[1], headers=headers, timeout=WAIT_S) as client:
            assert client.get("/", headers={"authorization": ""}).status_code == 401
            html = client.get("/").text
            path = re.search(r'href="(/studies/[^"]+)"', html)
            assert path is not None
            with client.stream("GET", f"{path[1]}/live") as stream:
                lines = stream.iter_lines()
                assert any(line.startswith("data: ") for line in lines)
                server.send_signal(signal.SIGTERM)
                assert "event: end" in list(lines)
        rest = server.stderr.read()
        assert server.wait(WAIT_S) == 143
        assert "stopped by SIGTERM" in rest
        assert TOKEN not in first + rest
