r"""Requests per second of `darse serve` and of a plain service with FastAPI and `pipeline`, at equal p99.

    darse export FOLDER --profile onnx -o fast
    python -m benchmarks.serving fast --data ../shared/data/cr/cr.csv --text text

One text a request, answered by the same merged model. Each service runs in a process of its own on loopback, one at a
time, and `wrk` (a load generator; a Debian package) asks with ever more connections. The plain service is measured as a
function that FastAPI runs in a thread, and as a coroutine, and the better one counts. Of ours counts the highest rate
whose p99 is not above that of the plain service at its own highest rate.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from darse.data.read import read_rows
from darse.data.reading import Reading
from darse.settings import DataSettings

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64)
_START_S = 120.0
_LUA = """
local bodies = {}
for line in io.lines(%s) do bodies[#bodies + 1] = line end
local at = 0
request = function()
  at = at %% #bodies + 1
  return wrk.format("POST", %s, {["Content-Type"] = "application/json"}, bodies[at])
end
done = function(summary, latency, requests)
  io.write(string.format("p99us %%d\\n", latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Measured:
    """What one load came to.

    Attributes:
        connections: That asked, each with its next request as soon as it had its answer.
        rate: Answers a second.
        p99_ms: Milliseconds that 99 of 100 answers took at the most.
    """

    connections: int
    rate: float
    p99_ms: float


def main() -> None:
    """Print a table, then the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="a merged or onnx export")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text", default="text")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--plain", choices=["thread", "coroutine"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain is not None:
        _serve_plainly(options.folder, options.plain, options.port)
        return
    found = read_rows(options.data, Reading.of(DataSettings()), whole=True)
    texts = [str(row.cells[options.text]) for row in islice(found, options.rows) if row.problem is None]
    ours = [sys.executable, "-m", "darse", "serve", str(options.folder)]
    this = [sys.executable, "-m", "benchmarks.serving", str(options.folder), "--data", str(options.data), "--plain"]
    sides = {
        "plain, in a thread": ([*this, "thread"], "/score"),
        "plain, a coroutine": ([*this, "coroutine"], "/score"),
        "darse serve": (ours, "/v1/score"),
    }
    measured = {
        name: _measure(command, path, texts, options.connections, options.seconds)
        for name, (command, path) in sides.items()
    }
    _print(measured)


class Asked(BaseModel):
    """What a tutorial's service takes."""

    text: str


def _serve_plainly(folder: Path, kind: str, port: int) -> None:
    """The service that a tutorial would write."""
    import uvicorn
    from fastapi import FastAPI
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)
    api = FastAPI()

    def score(asked: Asked) -> object:
        return classify(asked.text, truncation=True)

    async def score_inside(asked: Asked) -> object:
        return score(asked)

    api.post("/score")(score if kind == "thread" else score_inside)
    uvicorn.run(api, port=port, log_level="error", access_log=False)


def _measure(
    command: Sequence[str], path: str, texts: Sequence[str], connections: Sequence[int], seconds: int
) -> list[Measured]:
    with tempfile.TemporaryDirectory() as folder, _running(command, path) as address:
        bodies, script = Path(folder) / "bodies", Path(folder) / "load.lua"
        bodies.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        script.write_text(_LUA % (json.dumps(str(bodies)), json.dumps(path)), encoding="utf-8")
        _load(address, script, 4, 3)  # warm
        return [_load(address, script, number, seconds) for number in connections]


@contextmanager
def _running(command: Sequence[str], path: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        _wait(address + path)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        asked = urllib.request.Request(address, b'{"text": "good"}', {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(asked).read()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"{address} does not answer within {_START_S:.0f} s")


def _load(address: str, script: Path, connections: int, seconds: int) -> Measured:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if found := re.search(r"Non-2xx.*|Socket errors.*", said):
        raise SystemExit(f"{connections} connections: {found[0].strip()}")
    rate, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"p99us (\d+)", said)
    assert rate is not None, said
    assert p99 is not None, said
    return Measured(connections, float(rate[1]), int(p99[1]) / 1000)


def _print(measured: dict[str, list[Measured]]) -> None:
    print("| service | connections | requests/s | p99, ms |\n|---|---|---|---|")
    for name, loads in measured.items():
        for one in loads:
            print(f"| {name} | {one.connections} | {one.rate:,.0f} | {one.p99_ms:,.0f} |")
    best = max((load for name, loads in measured.items() if name != "darse serve" for load in loads), key=_rate)
    within = [load for load in measured["darse serve"] if load.p99_ms <= best.p99_ms]
    if not within:
        print(f"\nnone of ours has a p99 of {best.p99_ms:,.0f} ms or less")
        return
    ours = max(within, key=_rate)
    print(
        f"\nplain at its best: {best.rate:,.0f} requests/s, p99 {best.p99_ms:,.0f} ms; darse serve at no more: "
        f"{ours.rate:,.0f} requests/s, p99 {ours.p99_ms:,.0f} ms: {ours.rate / best.rate:.2f} times (target 3)"
    )


def _rate(one: Measured) -> float:
    return one.rate


if __name__ == "__main__":
    main()
