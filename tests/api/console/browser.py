"""A headless Chromium, spoken to by W3C WebDriver over HTTP: the few calls that the tests need."""

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from lab.embedded import free_ports

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
DRIVER = shutil.which("chromedriver")
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


STALE, STALE_STATUS = "stale element reference", 404


class Stale(Exception):
    """The page has another element in this one's place by now."""


class Browser:
    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = session

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        sent = {} if method == "GET" else {"json": body or {}}
        answer = self._http.request(method, f"/session/{self._session}{path}", **sent)
        value = answer.json()["value"]
        if answer.status_code == STALE_STATUS and value["error"] == STALE:
            raise Stale(path)
        assert answer.status_code == 200, f"{path}: {value['error']}: {value['message'].splitlines()[0]}"
        return value

    def open(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return self.call("GET", "/url")

    def find(self, css: str, within_s: float = 10) -> str:
        """The first element that fits, waited for."""
        until = time.monotonic() + within_s
        while True:
            found = self.call("POST", "/elements", {"using": "css selector", "value": css})
            if found:
                return found[0][ELEMENT]
            assert time.monotonic() < until, f"nothing fits {css} at {self.url}:\n{self.text('body')[:2000]}"
            time.sleep(0.1)

    def count(self, css: str) -> int:
        return len(self.call("POST", "/elements", {"using": "css selector", "value": css}))

    def _at(self, css: str, method: str, what: str, body: dict[str, Any] | None = None) -> Any:
        """On a live page the element that was found may have been replaced a moment later: then the new one is meant."""
        for _ in range(20):
            with suppress(Stale):
                return self.call(method, f"/element/{self.find(css)}/{what}", body)
        raise AssertionError(f"{css} was replaced again and again")

    def text(self, css: str) -> str:
        return self._at(css, "GET", "text")

    def click(self, css: str) -> None:
        self._at(css, "POST", "click")

    def write(self, css: str, text: str) -> None:
        self._at(css, "POST", "value", {"text": text})

    def script(self, source: str) -> Any:
        return self.call("POST", "/execute/sync", {"script": source, "args": []})

    def wait_for(self, css: str, words: str, within_s: float = 15) -> None:
        """Until the element says so."""
        until = time.monotonic() + within_s
        while words not in (said := self.text(css)):
            assert time.monotonic() < until, f"{css} never said {words!r}, but {said!r}"
            time.sleep(0.1)

    def problems(self) -> list[str]:
        """What the browser itself complained about since it was last asked: blocked by the policy, failed, thrown."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def devtools(self, command: str, **params: Any) -> Any:
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def look(self, width: int, *, dark: bool = False, height: int = 900) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def picture(self, to: Path) -> None:
        """The whole page, not only what fits the window."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        to.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """With a profile of its own; gone with the context."""
    assert DRIVER is not None
    assert CHROMIUM is not None
    port = free_ports().api
    options = {
        "binary": CHROMIUM,
        "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
                 "--disable-background-networking", "--disable-component-update", "--no-first-run",
                 f"--user-data-dir={folder / 'profile'}"],
    }  # fmt: skip
    wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}"], stdout=(folder / "chromedriver.log").open("wb"), stderr=subprocess.STDOUT
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            for _ in range(100):
                try:
                    if http.get("/status").json()["value"]["ready"]:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            made = http.post("/session", json={"capabilities": wanted}).json()["value"]
            assert "sessionId" in made, made
            try:
                yield Browser(http, made["sessionId"])
            finally:
                # Ends Chromium and its children; the driver alone would leave them.
                http.delete(f"/session/{made['sessionId']}")
    finally:
        driver.terminate()
        driver.wait(10)
