"""The server as a process: from its start to its end, and what strangers send over a socket."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing

import jax
import numpy as np
import pytest

from lowerbound.archive.store import save
from lowerbound.assembly import build
from lowerbound.data.schema import described
from lowerbound.runs import SCHEMA

pytestmark = pytest.mark.slow


X = np.random.default_rng(0).normal(size=(200, 4)).round(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose programs are few: of its codes, three bits, everything is a sum."""
    schema, rows = described(X)
    folder = tmp_path_factory.mktemp("runs") / "numbers"
    model = build(rows, latent_dim=3, width=8, depth=1, posterior="bernoulli", key=jax.random.key(0)).model
    save(model, folder)
    (folder / SCHEMA).write_text(json.dumps(schema.to_json()))
    np.save(folder.parent / "usual.npy", X)
    return folder


class Process:
    """`lowerbound serve` on a free port."""

    def __init__(self, folder, cache, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "lowerbound",
            "serve",
            str(folder),
            "--port",
            str(self.port),
            *options,
        ]
        environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
        self.said = cache / f"said-{self.port}.txt"  # a pipe that no one reads would be full in the end
        with self.said.open("w") as file:
            self.process = subprocess.Popen([*command, *options], env=environment, stderr=file)

    def get(self, path, timeout=5):
        with closing(self.connection(timeout)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def connection(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def until(self, path, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.get(path)[0] == 200:
                    return
            except OSError:
                assert self.process.poll() is None, self.said.read_text()
            time.sleep(0.05)
        raise AssertionError(f"{path} did not answer in {seconds} s")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def usual(folder):
    return ("--calibration", str(folder.parent / "usual.npy"))


@pytest.fixture(scope="module")
def server(folder, cache):
    options = ("--seconds", "20", "--body", "100000", "--access-log", *usual(folder))
    process = Process(folder, cache, *options)
    process.until("/live", 60)
    process.until("/ready", 1800)
    yield process
    assert process.stop() == 0
    lines = process.said.read_text().splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert {"time", "route", "status", "rows", "seconds"} == {*told[0]}


def posted(connection, path, **fields):
    connection.request("POST", path, json.dumps(fields), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@pytest.fixture
def connection(server):
    with closing(server.connection()) as made:
        yield made


def test_nothing_is_compiled_after_ready(server, connection):
    random = np.random.default_rng(1)
    for n in (1, 2, 3, 7, 8, 9, 40, 63, 65, 300, 513):
        rows = random.normal(size=(n, 4)).tolist()
        for verb in ("encode", "reconstruct", "score"):
            status, _ = posted(connection, f"/{verb}", rows=rows)
            assert status == 200
        codes = random.normal(size=(n, 3)).tolist()
        assert posted(connection, "/decode", codes=codes)[0] == 200
        assert posted(connection, "/sample", count=n)[0] == 200
        assert posted(connection, "/sample", count=n, mean=True, seed=n)[0] == 200
    for n in (1, 3, 33):
        rows = random.normal(size=(n, 4)).round(6).tolist()
        rows[0][n % 4] = None
        rows[-1] = [50.0, None, None, -80.0]
        assert posted(connection, "/impute", rows=rows, draws=n % 5, interval=0.5)[0] == 200
        assert posted(connection, "/sample", count=n, given={"x1": 0.5})[0] == 200
        assert posted(connection, "/p_values", rows=random.normal(size=(n, 4)).tolist())[0] == 200
        assert posted(connection, "/surprise", rows=random.normal(size=(n, 4)).tolist())[0] == 200
        assert (
            posted(connection, "/interpolate", **{"from": [0, 0, 0], "to": [1, 1, 1]}, steps=n + 2)[0] == 200
        )
    assert compiled_after_ready(server) == 0


def asked(server):
    """What a server says of a few rows."""
    rows = np.random.default_rng(2).normal(size=(3, 4)).tolist()
    with closing(server.connection()) as connection:
        return [posted(connection, f"/{verb}", rows=rows) for verb in ("encode", "score", "surprise")]


def compiled_after_ready(server):
    metrics = server.get("/metrics")[1].decode().splitlines()
    (line,) = [each for each in metrics if each.startswith("lowerbound_compiled_after_ready_total")]
    return float(line.split()[1])


def files_in(cache):
    return {file.name: file.stat().st_ino for file in (cache / "lowerbound" / "programs").iterdir()}


def test_a_second_start_reads_what_the_first_one_wrote(server, folder, cache):
    """It is ready before it has read a program, and a request may wait until what it needs is read."""
    answers, files = asked(server), files_in(cache)
    assert len(files) > 5
    again = Process(folder, cache, "--seconds", "120", *usual(folder))
    again.until("/ready", 1800)
    assert asked(again) == answers
    with closing(again.connection()) as connection:
        test_nothing_is_compiled_after_ready(again, connection)
    assert compiled_after_ready(again) == 0
    assert again.stop() == 0
    assert files_in(cache) == files


def test_first_starts_at_once_agree(server, folder, cache, tmp_path):
    shutil.copytree(cache / "lowerbound" / "xla", tmp_path / "lowerbound" / "xla")
    both = [Process(folder, tmp_path, *usual(folder)) for _ in range(2)]
    for each in both:
        each.until("/ready", 1800)
    assert asked(both[0]) == asked(both[1]) == asked(server)
    assert [each.stop() for each in both] == [0, 0]
    assert {*files_in(tmp_path)} == {*files_in(cache)}


PATHS = [
    "/static/../../../../etc/passwd",
    "/static/..%2f..%2fetc/passwd",
    "/static/%252e%252e/%252e%252e/etc/passwd",
    "/static/..\\..\\etc\\passwd",
    "/static/%00",
    "/..",
    "/%2e%2e/etc/passwd",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths_lead_nowhere(server, path):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as stranger:
        stranger.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: stranger.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), answer[:100]
    assert b"root:" not in answer


def live_seconds(server, stop):
    """The longest that /live took meanwhile."""
    longest = []
    while not stop.is_set():
        start = time.perf_counter()
        assert server.get("/live")[0] == 200
        longest.append(time.perf_counter() - start)
        time.sleep(0.02)
    return longest


def test_live_answers_while_strangers_are_slow_and_endless(server):
    stop, seconds = threading.Event(), []
    watching = threading.Thread(target=lambda: seconds.extend(live_seconds(server, stop)))
    watching.start()
    head = b"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(30)]
    for stranger in slow:
        stranger.sendall(head + b"Content-Length: 1000\r\n\r\n{")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as endless:
        endless.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(1000):
                endless.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        except OSError:  # it was closed
            pass
        assert endless.recv(100).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as deep:
        body = b'{"rows": ' + b"[" * 90_000
        deep.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert deep.recv(100).startswith(b"HTTP/1.1 400")
    for stranger in slow:
        assert stranger.recv(100).startswith(b"HTTP/1.1 408")
        stranger.close()
    stop.set()
    watching.join()
    assert np.median(seconds) < 0.1


def test_sigterm_loses_no_request(folder, cache):
    server = Process(folder, cache)
    server.until("/ready", 1800)
    lost, never_taken, answered, refused = [], [], [], []

    def ask():
        while True:
            with closing(server.connection()) as connection:
                try:
                    connection.connect()
                except OSError:  # no more connections are taken
                    return
                heard = False
                try:
                    while connection.sock is not None:  # the server says where it closes
                        status, _ = posted(connection, "/encode", rows=[[0.0, 1.0, 2.0, 3.0]])
                        (answered if status == 200 else refused).append(status)
                        heard = True
                except (http.client.HTTPException, OSError) as error:
                    (lost if heard else never_taken).append(repr(error))
                    return

    asking = [threading.Thread(target=ask) for _ in range(16)]
    for thread in asking:
        thread.start()
    time.sleep(1.0)
    assert server.stop() == 0
    for thread in asking:
        thread.join()
    assert len(answered) > 100
    assert {*refused} <= {503}
    assert not lost
    assert len(never_taken) <= 2  # the system's own queue holds one when the door is closed


def test_a_stop_while_it_compiles_is_clean(folder, tmp_path):
    server = Process(folder, tmp_path)
    server.until("/live", 60)
    assert server.get("/ready")[0] == 503
    assert server.stop() == 0


def test_what_is_no_run_is_said_in_one_line(tmp_path):
    server = Process(tmp_path, tmp_path)
    assert server.process.wait(60) == 2
    (line,) = server.said.read_text().splitlines()
    assert line.startswith("lowerbound: ")


def test_another_host_needs_a_token(folder, tmp_path):
    server = Process(folder, tmp_path, "--host", "0.0.0.0")
    assert server.process.wait(60) == 2
    assert "--token-file" in server.said.read_text()
