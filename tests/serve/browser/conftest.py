"""A served run, and a Chromium that looks at it."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
           "--enable-precise-memory-info"]  # fmt: skip


def fit(run, data, *options):
    """A small run, of which little is measured."""
    small = ("--epochs", "30", "--samples", "64", "--method", "importance", "--no-baselines")
    call = [sys.executable, "-m", "lowerbound", "fit", str(data), "--out", str(run), *small, *options]
    subprocess.run(call, check=True, capture_output=True)
    return run


@contextmanager
def serving(run, *options):
    """The address of a server of a run that is ready."""
    call = [sys.executable, "-m", "lowerbound", "serve", str(run), *options, "--port", "0"]
    process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"})
    try:
        for line in process.stderr:
            if found := re.search(r"http://[\w.:]+", line):
                break
        else:
            raise RuntimeError("the server has ended")
        wait_for(found[0])
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_for(url):
    while True:
        try:
            with urllib.request.urlopen(f"{url}/explorer/scene") as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(0.2)


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
        self.page.wait_for_function("globalThis.explorer && explorer.row && explorer.positions.length")
        return time.perf_counter() - start

    def at(self, across, down):
        """Pixels of a place of the plane, by fractions of its sides."""
        box = self.page.locator("#plane").bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def idle(self):
        """Until nothing is asked for any more."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_function("!explorer.decoded.busy && !explorer.behind.newest.busy")


@pytest.fixture
def watch(chromium):
    """Pages of a width, light or dark; at the end none of them has complained or asked another host."""
    contexts, pages = [], []

    def open_page(url, width=1440, scheme="light", **options):
        size = {"width": width, "height": 844 if width < 600 else 900}
        context = chromium.new_context(viewport=size, color_scheme=scheme, has_touch=width < 600, **options)
        contexts.append(context)
        watched = Watched(context)
        pages.append((watched, url))
        watched.seconds = watched.open(url)
        return watched

    yield open_page
    for context in contexts:
        context.close()
    for watched, url in pages:
        assert watched.complaints == []
        assert all(asked.startswith((url.split("#")[0], "blob:", "data:")) for asked in watched.requests)
