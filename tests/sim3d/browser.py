"""A headless Chromium that is driven through chromedriver's own protocol (W3C WebDriver), with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
NOTICE = "no headless browser; Debian has one: apt-get install chromium chromium-driver"


class Browser:
    """One session. Console and network are recorded from the start.

    Args:
        profile: an empty folder for what a browser keeps.
    """

    def __init__(self, profile: Path) -> None:
        chromium = next((found for name in NAMES if (found := shutil.which(name))), None)
        driver = shutil.which("chromedriver")
        if chromium is None or driver is None:
            pytest.skip(NOTICE)
        self._driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        port = None
        while port is None and (line := self._driver.stdout.readline()):
            port = re.search(r"started successfully on port (\d+)", line)
        if port is None:
            self._driver.wait()
            pytest.fail("chromedriver did not start")
        self._session = f"http://127.0.0.1:{port[1]}/session"
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        wanted = {
            "goog:chromeOptions": {"binary": chromium, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        try:
            self._session += "/" + self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        except AssertionError:
            self._end()
            raise

    def open(self, path: Path) -> None:
        """Show a file."""
        self.console(), self.requested()
        self._ask("POST", "/url", {"url": path.resolve().as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": arguments})

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        script = (
            "const done = arguments[arguments.length - 1];"
            f"const look = () => ({condition}) ? done(true) : requestAnimationFrame(look); look();"
        )
        self._ask("POST", "/execute/async", {"script": script, "args": []})

    def devtools(self, command: str, **parameters: object) -> Any:
        """A command of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def width(self, pixels: int) -> None:
        """Look through a screen of this width."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=pixels, height=800, deviceScaleFactor=1, mobile=pixels < 600)

    def media(self, **features: str) -> None:
        """Set features of the screen, such as prefers_color_scheme="dark"."""
        given = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=given)

    def pdf(self) -> bytes:
        """The page, printed."""
        return base64.b64decode(self._ask("POST", "/print", {}))

    def console(self) -> list[str]:
        """What the console said since it was last asked: errors, warnings, what the content policy refused."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def requested(self) -> list[str]:
        """Addresses that were asked for since this was last asked."""
        events = [json.loads(entry["message"])["message"] for entry in self._ask("POST", "/se/log", {"type": "performance"})]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def close(self) -> None:
        """End browser and driver."""
        try:
            self._ask("DELETE", "")
        finally:
            self._end()

    def _end(self) -> None:
        self._driver.terminate()
        self._driver.communicate()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._session + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None
