"""A headless Chromium over its debugging pipe: what a page asks for, complains of, and looks like."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Page:
    """What was seen while a page was open: `width`, of what it lays out, in CSS pixels."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    width: float = 0
    screenshot: bytes = b""


def chromium() -> str | None:
    """The program's name, where it is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((name for name in names if shutil.which(name)), None)


def visit(path: Path, profile: Path, *, width: int, dark: bool = False, whole: bool = False) -> Page:
    """Open a file at a width, with its own requests, the errors it causes and a picture of it (of its
    `whole` height, or of what a window shows)."""
    with _browser(profile) as browser:
        page = Page()
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            browser.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.call("Page.navigate", url=path.absolute().as_uri())
        browser.wait_for("Page.loadEventFired")
        found = browser.call("Runtime.evaluate", expression="document.documentElement.scrollWidth")
        page.width = found["result"]["value"]
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=whole)
        page.screenshot = base64.b64decode(shot["data"])
        for event in browser.events:
            name, what = event["method"], event["params"]
            if name == "Network.requestWillBeSent":
                page.requests.append(what["request"]["url"])
            elif name in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                page.complaints.append(json.dumps(what))
        return page


@contextlib.contextmanager
def _browser(profile: Path):
    (its_input, commands), (answers, its_output) = os.pipe(), os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(its_input), str(its_output), str(chromium()), *options,
         f"--user-data-dir={profile}"],
        pass_fds=(its_input, its_output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(its_input)
    os.close(its_output)
    try:
        yield _Connection(answers, commands)
    finally:
        process.terminate()
        process.wait(20)
        os.close(commands)
        os.close(answers)


# The program reads commands from 3 and writes answers to 4, whatever the two are here.
_LAUNCH = """
import os, sys
ends = [os.dup(int(end)) for end in sys.argv[1:3]]
while min(ends) < 5:
    ends = [os.dup(end) for end in ends]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class _Connection:
    def __init__(self, read: int, write: int) -> None:
        self.read, self.write, self.number, self.rest = read, write, 0, b""
        self.session: str | None = None
        self.events: list[dict] = []

    def call(self, method: str, **params: object) -> dict:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, event: str) -> None:
        while not any(seen["method"] == event for seen in self.events):
            self.events.append(self._next())

    def _next(self, seconds: float = 60) -> dict:
        end = time.monotonic() + seconds
        while b"\0" not in self.rest:
            if not select.select([self.read], [], [], max(end - time.monotonic(), 0))[0]:
                raise TimeoutError("chromium does not answer")
            chunk = os.read(self.read, 1 << 20)
            if not chunk:
                raise EOFError("chromium has gone")
            self.rest += chunk
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)
