"""H1 to H9 and R15: what attacks, overload, stops and swaps do to `darse serve`, one line each.

    python -m benchmarks.serve_reliability ADAPTER

The server runs in a process of its own on loopback, with its default limits, over the adapter given (a copy of it with
another digest is what R15 swaps to). Exit 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import numpy as np

from darse.files import write_json
from darse.model.manifest import MANIFEST, seal

MIB = 1 << 20
TEXT = "The new plant in Tampere doubles what the company can deliver, but orders fell in the last quarter."
_WAIT_S = 60.0


@dataclass(frozen=True)
class Line:
    """One result.

    Attributes:
        name: Its id.
        figure: What was measured, with the target.
        is_met: Whether the target is.
    """

    name: str
    figure: str
    is_met: bool


@dataclass(frozen=True)
class Server:
    """A server under test."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    def memory_mib(self, kind: str = "VmRSS") -> float:
        """Of its process, now or (`VmHWM`) at the most so far."""
        content = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"{kind}:\s+(\d+)", content)
        assert found is not None
        return int(found[1]) / 1024

    def descriptors(self) -> int:
        """Files and connections that are open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def ask(self, client: httpx.Client, texts: int = 1) -> httpx.Response:
        """Score some texts."""
        return client.post("/v1/score", json={"texts": [TEXT] * texts})

    def client(self) -> httpx.Client:
        """A client with a pool of its own."""
        return httpx.Client(base_url=self.address, timeout=_WAIT_S)


def main() -> None:
    """Print the lines; exit 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(_TESTS), default=list(_TESTS))
    parser.add_argument("--load-seconds", type=float, default=60.0, help="of H4")
    parser.add_argument("--soak-minutes", type=float, default=10.0, help="of H9")
    options = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        for name, length in (("first", None), ("second", 64)):
            _copy(options.adapter, models / name, length)
        for name in options.only:
            with _running(models) as server:
                line = _TESTS[name](server, options)
            missed |= not line.is_met
            print(f"| {line.name} | {line.figure} | {'reached' if line.is_met else 'MISSED'} |", flush=True)
    sys.exit(missed)


def _copy(adapter: Path, target: Path, max_length: int | None) -> None:
    """A copy of an adapter; with another length of texts it has another digest."""
    shutil.copytree(adapter, target)
    if max_length is not None:
        values = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        values["max_length"] = max_length
        write_json(target / MANIFEST, values | {"seal": seal(values)})


@contextmanager
def _running(models: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "darse", "serve", str(models), "--prod", "first", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    found = re.search(r"answers at (http\S+)", first)
    if found is None:
        raise SystemExit(first + process.stderr.read())
    drain = threading.Thread(target=process.stderr.read, daemon=True)
    drain.start()
    server = Server(process, found[1])
    try:
        with server.client() as client:
            for texts in (1, 8, 64):
                server.ask(client, texts)
        yield server
    finally:
        process.kill()
        process.wait()


def _large_bodies(server: Server, options: argparse.Namespace) -> Line:
    before, statuses = server.memory_mib(), []
    for is_chunked in (False, True):
        for _ in range(3):
            statuses.append(_send_large(server, is_chunked))
    grown = server.memory_mib("VmHWM") - before
    figure = (
        f"6 bodies of 200 MiB, 3 sized and 3 chunked: {_listed(statuses)}, memory +{grown:.1f} MiB at most (target 16)"
    )
    return Line("H1", figure, set(statuses) == {413} and grown <= 16)


def _send_large(server: Server, is_chunked: bool) -> int:
    with socket.create_connection(("127.0.0.1", server.port), timeout=_WAIT_S) as connection:
        length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {200 * MIB}"
        connection.sendall(_head(length))
        piece = b"x" * MIB
        try:
            for _ in range(200):
                connection.sendall(b"%x\r\n%s\r\n" % (MIB, piece) if is_chunked else piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return int(connection.recv(4096).split(b" ", 2)[1])


def _head(*headers: str) -> bytes:
    lines = ["POST /v1/score HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode()


def _too_many_texts(server: Server, options: argparse.Namespace) -> Line:
    bodies: list[object] = [{"texts": ["x"] * 65}, {"text": "x" * 10_001}, {"texts": ["x"] * 64 + ["y" * 10_001]}]
    with server.client() as client:
        began = time.perf_counter()
        statuses = [client.post("/v1/score", json=body).status_code for body in bodies * 20]
        took = (time.perf_counter() - began) / len(statuses) * 1000
        counted = re.search(r"^darse_batch_texts_count (\S+)", client.get("/metrics").text, re.MULTILINE)
    assert counted is not None
    figure = f"{len(statuses)} requests with too many or too long texts: {_listed(statuses)}, {took:.1f} ms each, "
    return Line("H2", f"{figure}{float(counted[1]) - 3:.0f} batches reached a model (target 0)", set(statuses) == {422})


def _slow_requests(server: Server, options: argparse.Namespace) -> Line:
    idle = _latencies(server, 200)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        holding = pool.submit(_hold, server.port)
        while server.descriptors() < 900:
            time.sleep(0.01)
        beside = _latencies(server, 50)
        longest_s, left = holding.result()
    figure = (
        f"900 slow headers and bodies, a byte a second: {left} open for ever, others closed after {longest_s:.1f} s at "
        f"the most (target 10); p99 of others {beside:.0f} ms, idle {idle:.0f} ms (target twice)"
    )
    return Line("H3", figure, not left and longest_s <= 10 and beside <= 2 * idle)


def _hold(port: int) -> tuple[float, int]:
    """Hold 900 connections open; the longest time that the server suffered one, and how many it suffers for ever."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held: dict[socket.socket, float] = {}
    for number in range(900):
        connection = socket.create_connection(("127.0.0.1", port), timeout=_WAIT_S)
        connection.sendall(_head("Content-Length: 100")[: 40 if number % 2 else None])
        connection.setblocking(False)
        held[connection] = time.monotonic()
    longest, end = 0.0, time.monotonic() + _WAIT_S
    while held and time.monotonic() < end:
        time.sleep(1)
        for connection, began in list(held.items()):
            try:
                connection.send(b"x")
                if connection.recv(4096) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                continue
            except OSError:
                longest = max(longest, time.monotonic() - began)
                del held[connection]
    return longest, len(held)


def _latencies(server: Server, requests: int) -> float:
    """The 99th percentile of requests one after another, in ms."""
    taken = []
    with server.client() as client:
        for _ in range(requests):
            began = time.perf_counter()
            assert server.ask(client).status_code == 200
            taken.append(time.perf_counter() - began)
    return float(np.percentile(taken, 99)) * 1000


def _overload(server: Server, options: argparse.Namespace) -> Line:
    """H4 with H7: the load of ten times as many requests as are answered, while /livez is asked."""
    capacity = _capacity(server)
    counts: Counter[str] = Counter()
    live: list[float] = []
    with server.client() as client:
        before = _scored(client)
    asyncio.run(_flood(server, 10 * capacity, options.load_seconds, counts, live))
    recovered = time.monotonic()
    with server.client() as client:
        while server.ask(client).status_code != 200:
            assert time.monotonic() - recovered < _WAIT_S
        recovered_s = time.monotonic() - recovered
        counted = _scored(client) - before - 1
    answered = sum(count for name, count in counts.items() if name != "not sent")
    strange = {name for name in counts if name not in {"200", "429", "503", "not sent"}}
    p99 = float(np.percentile(live, 99)) * 1000
    figure = (
        f"{10 * capacity:.0f} requests/s for {options.load_seconds:.0f} s, capacity {capacity:.0f}: "
        f"{', '.join(f'{name} {count}' for name, count in sorted(counts.items()))}; answered again after "
        f"{recovered_s:.2f} s (target 5); /livez p99 {p99:.0f} ms, longest {max(live) * 1000:.0f} ms (target 50); "
        f"{counted:.0f} counted of {answered}"
    )
    return Line("H4, H7", figure, not strange and recovered_s <= 5 and p99 <= 50 and counted == answered)


def _scored(client: httpx.Client) -> float:
    """Requests for scores that the server has counted."""
    figures = client.get("/metrics").text
    return sum(float(found) for found in re.findall(r'^darse_requests_total{.*"/v1/score".*} (\S+)', figures, re.M))


def _capacity(server: Server) -> float:
    """Answers a second to 16 clients."""
    end, counts = time.monotonic() + 5, Counter[int]()

    def ask(_: int) -> None:
        with server.client() as client:
            while time.monotonic() < end:
                counts[server.ask(client).status_code] += 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))
    return counts[200] / 5


async def _flood(server: Server, rate: float, seconds: float, counts: Counter[str], live: list[float]) -> None:
    """Open load: requests are sent by the clock, whether earlier ones are answered or not."""
    limits = httpx.Limits(max_connections=1500, max_keepalive_connections=1500)
    async with httpx.AsyncClient(base_url=server.address, timeout=_WAIT_S, limits=limits) as client:

        async def ask() -> None:
            try:
                answer = await client.post("/v1/score", json={"text": TEXT})
            except httpx.HTTPError as error:
                counts[type(error).__name__] += 1
                return
            counts[str(answer.status_code)] += 1
            if answer.status_code != 200 and "retry-after" not in answer.headers:
                counts["no Retry-After"] += 1

        tasks: set[asyncio.Task[None]] = set()
        watching = asyncio.create_task(asyncio.to_thread(_watch, server, seconds, live))
        began = time.monotonic()
        sent = 0
        while (now := time.monotonic() - began) < seconds:
            while sent < rate * now and len(tasks) < 1400:
                tasks.add(task := asyncio.create_task(ask()))
                task.add_done_callback(tasks.discard)
                sent += 1
            if sent < rate * now:
                counts["not sent"] += int(rate * now) - sent
                sent = int(rate * now)
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)
        await watching


def _watch(server: Server, seconds: float, live: list[float]) -> None:
    """Ask /livez from a process's own thread, over one connection, ten times a second."""
    with server.client() as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            assert client.get("/livez").status_code == 200
            live.append(time.perf_counter() - began)
            time.sleep(0.1)


def _stop(server: Server, options: argparse.Namespace) -> Line:
    body = json.dumps({"texts": [TEXT] * 8}).encode()
    asked = [socket.create_connection(("127.0.0.1", server.port), timeout=_WAIT_S) for _ in range(50)]
    for connection in asked:
        connection.sendall(_head(f"Content-Length: {len(body)}") + body)
    with server.client() as client:
        client.get("/livez")  # accepted after all of them
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    statuses = [int(connection.recv(4096).split(b" ", 2)[1]) for connection in asked]
    code = server.process.wait(_WAIT_S)
    took = time.monotonic() - began
    figure = f"SIGTERM with 50 requests of 8 texts under way: {_listed(statuses)}, exit {code} after {took:.1f} s"
    return Line("H8", f"{figure} (target 10)", statuses == [200] * 50 and took <= 10)


def _soak(server: Server, options: argparse.Namespace) -> Line:
    pause = 16 / (_capacity(server) / 2)
    seconds = 60 * options.soak_minutes
    began, times, memory, files = time.monotonic(), [], [], []
    stop = threading.Event()

    def ask(number: int) -> int:
        done = 0
        while not stop.is_set():
            sent = time.monotonic()
            with server.client() as client:
                assert server.ask(client).status_code == 200
            done += 1
            stop.wait(max(pause - (time.monotonic() - sent), 0))
        return done

    with ThreadPoolExecutor(16) as pool:
        asking = [pool.submit(ask, number) for number in range(16)]
        while time.monotonic() - began < seconds:
            time.sleep(5)
            times.append(time.monotonic() - began)
            memory.append(server.memory_mib())
            files.append(server.descriptors())
        stop.set()
        done = sum(one.result() for one in asking)
    half = len(times) // 2
    slope = float(np.polyfit(times[half:], memory[half:], 1)[0]) * 3600
    figure = (
        f"{done} requests in {options.soak_minutes:.0f} min at half load, each over a connection of its own: memory "
        f"{memory[half]:.0f} to {memory[-1]:.0f} MiB in the second half ({slope:+.1f} MiB an hour), descriptors "
        f"{min(files)} to {max(files)}, at the end {files[-1]}"
    )
    return Line("H9", figure, memory[-1] - memory[half] < 8 and files[-1] <= files[0] + 20)


def _swap(server: Server, options: argparse.Namespace) -> Line:
    digests: dict[str, set[str]] = {}
    mixtures = failures = 0
    stop = threading.Event()

    def swap() -> int:
        swaps = 0
        with server.client() as client:
            while not stop.is_set():
                name = ("second", "first")[swaps % 2]
                assert client.put("/v1/labels/prod", json={"name": name}).status_code == 200
                swaps += 1
        return swaps

    def ask(_: int) -> list[tuple[str, str]]:
        with server.client() as client:
            answer = server.ask(client, 4)
            if answer.status_code != 200:
                return []
            return [(one["adapter"], one["digest"]) for one in answer.json()["results"]]

    with ThreadPoolExecutor(9) as pool:
        swapping = pool.submit(swap)
        for named in pool.map(ask, range(1000)):
            failures += not named
            mixtures += len(set(named)) > 1
            for adapter, digest in named:
                digests.setdefault(adapter, set()).add(digest)
        stop.set()
        swaps = swapping.result()
    is_met = not failures and not mixtures and all(len(found) == 1 for found in digests.values())
    figure = (
        f"{swaps} swaps under 1000 requests of 4 texts: {failures} failed, {mixtures} mixtures, "
        f"{len(digests)} adapters, each under {max(map(len, digests.values()))} digest (targets 0, 0, 1)"
    )
    return Line("R15", figure, is_met)


def _listed(statuses: Sequence[int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in sorted(Counter(statuses).items()))


_TESTS: dict[str, Callable[[Server, argparse.Namespace], Line]] = {
    "H1": _large_bodies,
    "H2": _too_many_texts,
    "H3": _slow_requests,
    "H4": _overload,
    "H8": _stop,
    "H9": _soak,
    "R15": _swap,
}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
