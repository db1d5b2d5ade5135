"""A server that is stopped answers what it has taken, and ends (H8)."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest

from tests.serve.serving import WAIT_S

REQUESTS = 50


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_answered_before_the_server_ends(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.crash.served", str(REQUESTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with ThreadPoolExecutor(REQUESTS) as pool:
            asked = [
                pool.submit(httpx.post, f"{address}/v1/score", json={"text": "good"}, timeout=WAIT_S)
                for _ in range(REQUESTS)
            ]
            assert server.stdout.readline() == "busy\n"
            server.send_signal(number)
            statuses = [one.result().status_code for one in asked]
        assert server.wait(WAIT_S) == 128 + number
    assert statuses == [200] * REQUESTS
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/livez")
