"""A served run, and a Chromium that looks at it."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]


def fit(run, data, *options):
    """A small run, of which little is measured."""
    small = ("--epochs", "30", "--samples", "64", "--method", "importance", "--no-baselines")
    call = [sys.executable, "-m", "lowerbound", "fit", str(data), "--out", str(run), *small, *options]
    subprocess.run(call, check=True, capture_output=True)
    return run


@contextmanager
def serving(run, data):
    """The address of a server of a run that compiles what is asked for."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    call = [sys.executable, str(Path(__file__).with_name("unwarmed.py")), str(run), data, str(port)]
    process = subprocess.Popen(call)
    try:
        wait_for(f"http://localhost:{port}", process)
        yield f"http://localhost:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(url, process):
    """Until the codes are computed."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/explorer/scene") as answer:
                return answer.read()
        except OSError as error:
            if getattr(error, "code", 503) != 503:
                raise
            time.sleep(0.2)
    raise RuntimeError(f"the server has ended with {process.returncode}")


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("runs") / "digits", "digits", "--latent-dim", "2", "--test", "0.05")


@pytest.fixture(scope="session")
def digits(digits_run):
    with serving(digits_run, "digits") as url:
        yield url


class Watched:
    """A page, with what it asked for and complained of."""

    def __init__(self, context):
        self.page = context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective))"
        )

    def open(self, url):
        """Go there, until the first row is decoded; in seconds."""
        start = time.perf_counter()
        self.page.goto(url)
        self.until("globalThis.explorer && explorer.row && explorer.positions.length")
        return time.perf_counter() - start

    def at(self, across, down):
        """Pixels of a place of the plane, by fractions of its sides."""
        box = self.page.locator("#plane").bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def idle(self):
        """Until nothing is asked for any more."""
        self.page.wait_for_load_state("networkidle")
        self.until("!explorer.decoded.busy && !explorer.behind.newest.busy")

    def until(self, expression, seconds=30):
        """Wait until it is true; the page's policy lets no one but the driver evaluate text."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < end, expression
            time.sleep(0.01)


def fulfilled(body, route):
    route.fulfill(body=body)


@pytest.fixture
def watch(chromium):
    """Pages of a width, light or dark; at the end none of them has complained or asked another host."""
    contexts, pages = [], []

    def open_page(url, width=1440, scheme="light", answers=(), **options):
        size = {"width": width, "height": 844 if width < 600 else 900}
        context = chromium.new_context(viewport=size, color_scheme=scheme, has_touch=width < 600, **options)
        contexts.append(context)
        watched = Watched(context)
        pages.append((watched, url))
        for pattern, body in dict(answers).items():
            watched.page.route(pattern, partial(fulfilled, body))
        watched.seconds = watched.open(url)
        return watched

    yield open_page
    for context in contexts:
        context.close()
    for watched, url in pages:
        assert watched.complaints == []
        assert all(asked.startswith((url.partition("#")[0], "blob:")) for asked in watched.requests)


@pytest.fixture(scope="session")
def molecules(tmp_path_factory):
    pytest.importorskip("rdkit", reason="molecules need RDKit")
    pytest.importorskip("selfies", reason="molecules need SELFIES")
    folder = tmp_path_factory.mktemp("molecules")
    some = ["CCO", "CCN", "C1CCCC1", "CC#N", "c1ccccc1", "CC(=O)OC", "CCCl", "C1CO1", "NCCO", "CC=CC"]
    (folder / "some.smi").write_text("\n".join(some * 20) + "\n")
    run = fit(folder / "run", folder / "some.smi", "--latent-dim", "2", "--width", "32")
    with serving(run, str(folder / "some.smi")) as url:
        yield url
