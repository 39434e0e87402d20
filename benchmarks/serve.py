"""What a served model costs: one row over HTTP beside a constant of the same size, batches beside the bare
library, load beyond what can be served, and the time from the start until it is ready.

    python benchmarks/serve.py runs/digits                # rates, a minute
    python benchmarks/serve.py runs/digits --load         # 64 connections for two minutes; too many
    python benchmarks/serve.py runs/digits --start        # from the start to /ready

The server runs in a process of its own with one more route, `/constant`, which reads its body and answers a
constant as long as the answer of `/encode`; what asks is a third process over raw sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

import lowerbound as lb

CONNECTIONS, NPY = 64, "application/x-npy"
ROUNDS, SECONDS = 5, 3.0


class Asking(asyncio.Protocol):
    """A connection that asks again as soon as it is answered, or at the times of a schedule."""

    def __init__(self, load: Load) -> None:
        self.load, self.buffer, self.sent = load, b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.load.open += 1
        self.ask()

    def ask(self) -> None:
        now = time.perf_counter()
        due = self.load.next_due(now)
        if due is None:
            self.transport.close()
        elif due > now:
            asyncio.get_running_loop().call_later(due - now, self.write, due)
        else:
            self.write(due)

    def write(self, due: float) -> None:
        if not self.transport.is_closing():
            self.sent = due
            self.load.outstanding += 1
            self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        place = self.buffer.find(b"content-length: ", 0, head)
        length = int(self.buffer[place + 16 : self.buffer.find(b"\r\n", place)])
        if len(self.buffer) < head + 4 + length:
            return
        status, self.buffer = int(self.buffer[9:12]), b""
        self.load.outstanding -= 1
        self.load.latencies.setdefault(status, []).append(time.perf_counter() - self.sent)
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        self.load.open -= 1
        if self.buffer:
            self.load.broken += 1


class Load:
    """Requests over some connections for some seconds, as fast as they are answered or at a `rate`."""

    def __init__(self, request: bytes, seconds: float, rate: float | None) -> None:
        self.request, self.rate = request, rate
        self.end = time.perf_counter() + seconds
        self.due = time.perf_counter()
        self.latencies: dict[int, list[float]] = {}
        self.open = self.outstanding = self.broken = 0

    def next_due(self, now: float) -> float | None:
        if now >= self.end:
            return None
        if self.rate is None:
            return now
        self.due = max(self.due, now - 0.1) + 1 / self.rate  # what could not be sent in time is not sent
        return max(self.due, now)


def ask(
    port: int, path: str, body: bytes, kind: str, connections: int, seconds: float, rate: float | None
) -> dict[str, Any]:
    """The rate, and the latencies by status, of such a load."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nAccept: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body

    async def run() -> Load:
        load = Load(request, seconds, rate)
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.create_connection(lambda: Asking(load), "127.0.0.1", port) for _ in range(connections))
        )
        while load.open:
            await asyncio.sleep(0.05)
            if time.perf_counter() > load.end + 30:
                break
        return load

    load = uvloop.run(run())
    answered = {status: np.array(each) for status, each in load.latencies.items()}
    total = sum(map(len, answered.values()))
    return {
        "rate": total / seconds,
        "unanswered": load.outstanding,
        "broken": load.broken,
        "by_status": {
            status: {
                "count": len(each),
                **{f"p{q}_ms": 1e3 * float(np.percentile(each, q)) for q in (50, 99)},
                "max_ms": 1e3 * float(each.max()),
            }
            for status, each in sorted(answered.items())
        },
    }


def serve(folder: str, port: int) -> None:
    """The server with one more route, of a constant."""
    from lowerbound.cli.console import compilation_cache
    from lowerbound.serve.app import App
    from lowerbound.serve.media import JSON
    from lowerbound.serve.server import serve
    from lowerbound.serve.service import Service

    compilation_cache()
    application = App()
    constant = b'{"codes":[[' + b",".join([b"0.12345678"] * int(os.environ["LATENT_DIM"])) + b"]]}"

    async def handle(scope: Any, receive: Any, start: float) -> tuple[bytes, str, int]:
        await application.bodies.body(scope["headers"], receive, start + 10)
        return constant, JSON, 0

    application.handlers["/constant"] = {"POST": handle}
    serve(
        application, lambda: Service.of(Path(folder)), "127.0.0.1", port, lambda line: print(line, flush=True)
    )


class Served:
    """A server in a process of its own, ready."""

    def __init__(self, folder: str, *command: str, latent_dim: int = 2) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = command or (sys.executable, __file__, folder, "--server", str(self.port))
        self.start = time.perf_counter()
        environment = os.environ | {"LATENT_DIM": str(latent_dim)}
        self.process = subprocess.Popen(
            [word.replace("PORT", str(self.port)) for word in command], env=environment
        )
        self.live = self.until("/live")
        self.ready = self.until("/ready")

    def until(self, path: str) -> float:
        """Seconds from the start until a route answers 200."""
        while self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5):
                    return time.perf_counter() - self.start
            except OSError:
                time.sleep(0.02)
        raise SystemExit("the server ended")

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read()

    def ask(
        self,
        path: str,
        body: bytes,
        connections: int,
        seconds: float,
        rate: float | None = None,
        kind: str = "application/json",
    ) -> Any:
        """A load from a third process."""
        asked = {"port": self.port, "path": path, "body": body.decode("latin-1"), "kind": kind}
        asked |= {"connections": connections, "seconds": seconds, "rate": rate}
        found = subprocess.run(
            [sys.executable, __file__, "-", "--client"],
            **{"input": json.dumps(asked), "capture_output": True, "text": True, "check": True},
        )
        return json.loads(found.stdout)

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def compiled_after_ready(self) -> float:
        line = next(
            line
            for line in self.get("/metrics").decode().splitlines()
            if line.startswith("lowerbound_compiled_after_ready_total")
        )
        return float(line.split()[1])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def rows_of(folder: str) -> tuple[Any, list[Any]]:
    """The run, and rows as JSON has them."""
    from lowerbound.serve.service import Service

    service = Service.of(Path(folder))
    rows = service.sample(1000, seed=0).json()
    return service, rows.tolist() if isinstance(rows, np.ndarray) else rows


def rates(folder: str) -> None:
    """One row beside a constant, and batches beside the bare library, in interleaved rounds."""
    service, rows = rows_of(folder)
    one = json.dumps({"rows": rows[:1]}).encode()
    batch = json.dumps({"rows": rows[:256]}).encode()
    np.save(stream := io.BytesIO(), array := np.array(rows[:256], np.float32))
    model = lb.load(folder)
    lb.encode(model, array)
    served = Served(folder, latent_dim=service.latent_dim)
    found: dict[str, list[float]] = {"one": [], "constant": [], "batch": [], "array": [], "library": []}
    for path in ("/encode", "/constant"):
        served.ask(path, one, CONNECTIONS, 1.0)
    for _ in range(ROUNDS):
        found["constant"].append(served.ask("/constant", one, CONNECTIONS, SECONDS)["rate"])
        found["one"].append(served.ask("/encode", one, CONNECTIONS, SECONDS)["rate"])
        found["batch"].append(256 * served.ask("/encode", batch, 4, SECONDS)["rate"])
        found["array"].append(256 * served.ask("/encode", stream.getvalue(), 4, SECONDS, kind=NPY)["rate"])
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            lb.encode(model, array)
            count += 256
        found["library"].append(count / (time.perf_counter() - start))
    best = {name: max(each) for name, each in found.items()}
    print(json.dumps({name: [round(rate) for rate in each] for name, each in found.items()}))
    for name, beside in (("one", "constant"), ("batch", "library"), ("array", "library")):
        ratio = best[name] / best[beside]
        print(f"{name} {best[name]:,.0f}/s, {beside} {best[beside]:,.0f}/s: {ratio:.2f}")
    print(f"compiled after ready: {served.compiled_after_ready:.0f}; SIGTERM: status {served.stop()}")


def load(folder: str, minutes: float) -> None:
    """70 % of capacity, then five times of it, then memory over 100,000 requests."""
    service, rows = rows_of(folder)
    one = json.dumps({"rows": rows[:1]}).encode()
    served = Served(folder, latent_dim=service.latent_dim)
    served.ask("/encode", one, CONNECTIONS, 2.0)
    capacity = served.ask("/encode", one, CONNECTIONS, 5.0)["rate"]
    print(f"capacity: {capacity:,.0f} requests/s over {CONNECTIONS} connections")
    print("at 70 %:", json.dumps(served.ask("/encode", one, CONNECTIONS, 60 * minutes, 0.7 * capacity)))
    before = served.memory
    print("at 5 times:", json.dumps(served.ask("/encode", one, 10 * CONNECTIONS, 20.0, 5 * capacity)))
    served.ask("/encode", one, CONNECTIONS, 100_000 / capacity)
    after = served.memory
    print(f"memory: {before:.1f} → {after:.1f} MB over 100,000 requests and more: {after / before - 1:+.1%}")
    print(f"compiled after ready: {served.compiled_after_ready:.0f}; SIGTERM: status {served.stop()}")


def start(folder: str) -> None:
    """From the start to /live and /ready; the first fills the compilation cache."""
    command = (sys.executable, "-m", "lowerbound", "serve", folder, "--port", "PORT")
    for name in ("first", "again", "again"):
        served = Served(folder, *command)
        print(f"{name}: live after {served.live:.1f} s, ready after {served.ready:.1f} s", flush=True)
        print(f"  SIGTERM: status {served.stop()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--server", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--client", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.client:
        asked = json.load(sys.stdin)
        print(json.dumps(ask(**asked | {"body": asked["body"].encode("latin-1")})))
    elif said.server is not None:
        serve(said.folder, said.server)
    elif said.load:
        load(said.folder, said.minutes)
    elif said.start:
        start(said.folder)
    else:
        rates(said.folder)


if __name__ == "__main__":
    main()
