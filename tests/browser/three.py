"""Chromium, Firefox and WebKit behind the same few words: open, click, press, write, go back, print.

Chromium is driven by Playwright, Firefox by WebDriver BiDi (which it speaks itself), WebKitGTK by its own WebDriver.
Each is an ordinary browser with an empty profile, and with every way to the network closed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Error
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.websocket_connection import WebSocketConnection
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browser.conftest import BROWSERS, LISTEN, listen

SIZE = {"width": 1440, "height": 900}
PATIENCE = 60  # seconds until something is taken to happen never


class Reader(Protocol):
    """What a person does with a page. Selectors are CSS; scripts are expressions whose value JSON can hold."""

    name: str
    wrong: list[str]  # what console and policy have said
    downloads: Path

    def open(self, address: str) -> None:
        """Go to an address in this tab."""

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page."""

    def click(self, selector: str) -> None:
        """Press the mouse on the middle of an element, and let it go."""

    def press(self, key: str) -> None:
        """Press a key by its name in the DOM, "Control+v" for two."""

    def write(self, text: str) -> None:
        """Type into what has the focus."""

    def back(self) -> None:
        """Go back in the history of this tab."""

    def pdf(self) -> bytes | None:
        """The page, printed; None where the driver cannot print."""

    def close(self) -> None:
        """End the browser."""


def wait(reader: Reader, condition: str) -> None:
    """Wait until *condition* holds in the page."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if reader.run(condition):
            return
        time.sleep(0.05)
    pytest.fail(f"never in {reader.name}: {condition}; it said {reader.wrong}")


def centre(selector: str) -> str:
    """A script that brings an element into the middle of the window."""
    return f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center', behavior: 'instant'}})"


class Chromium:
    """By Playwright."""

    name = "chromium"

    def __init__(self, folder: Path, browser: Browser, *, forced: bool = False) -> None:
        self.downloads, self.wrong = folder, []  # type: Path, list[str]
        size: Any = SIZE
        self._page = browser.new_page(viewport=size, forced_colors="active" if forced else "none")
        self._page.add_init_script(LISTEN)
        listen(self._page, self.wrong, allowed=lambda url: url.startswith(("file:", "http://127.0.0.1:", "blob:")))
        self._page.on("download", lambda download: download.save_as(folder / download.suggested_filename))

    def open(self, address: str) -> None:
        self._page.goto("about:blank")  # an address that differs behind # would be no new page
        self._page.goto(address)

    def run(self, script: str) -> Any:
        try:
            return self._page.evaluate(script)
        except Error as error:
            if "context was destroyed" in str(error):  # the page has just gone to another address
                return None
            raise

    def click(self, selector: str) -> None:
        self._page.locator(selector).first.click()

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)

    def write(self, text: str) -> None:
        self._page.keyboard.type(text)

    def back(self) -> None:
        self._page.go_back()

    def pdf(self) -> bytes | None:
        return self._page.pdf(print_background=True)

    def close(self) -> None:
        self._page.close()


PREFERENCES = {
    "browser.download.folderList": 2,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
}


class Firefox:
    """By WebDriver BiDi, without a driver between: a message is a method and what it takes."""

    name = "firefox"

    def __init__(self, folder: Path, *, forced: bool = False, dark: bool = False) -> None:
        self.downloads, self.wrong = folder / "downloads", []  # type: Path, list[str]
        self.downloads.mkdir()
        profile = folder / "profile"
        profile.mkdir()
        wanted = {**PREFERENCES, "browser.download.dir": str(self.downloads)}
        wanted |= {"layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
        if forced:
            wanted |= {"browser.display.document_color_use": 2}  # the reader's colours, and only those
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in wanted.items()]
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        command = [firefox() or "", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
        said = folder / "firefox.log"
        with said.open("wb") as log:
            self._process = subprocess.Popen(
                command, stderr=log, stdout=log, start_new_session=True, env={**os.environ, "HOME": str(folder)}
            )
        address = _found(said, r"WebDriver BiDi listening on (ws://\S+)")
        self._bidi = WebSocketConnection(f"{address}/session", PATIENCE, 0.01)
        self._do("session.new", capabilities={})
        self._context = self._do("browsingContext.getTree")["contexts"][0]["context"]
        event: Any = SimpleNamespace(event_class="log.entryAdded", from_json=lambda entry: entry)
        self._bidi.add_callback(event, self._log)
        self._do("session.subscribe", events=["log.entryAdded"])
        self._do("script.addPreloadScript", functionDeclaration=f"() => {{{LISTEN}}}")
        self._do("browsingContext.setViewport", context=self._context, viewport=SIZE)

    def _do(self, method: str, **given: Any) -> Any:
        answer = self._bidi.send_cmd(method, given)
        assert "error" not in answer, f"{method}: {answer}"
        return answer["result"]

    def _log(self, entry: dict[str, Any]) -> None:
        if entry["level"] in ("error", "warn"):
            self.wrong.append(f"console: {entry['text']}")

    def open(self, address: str) -> None:
        for to in ("about:blank", address):
            self._do("browsingContext.navigate", context=self._context, url=to, wait="complete")

    def _evaluate(self, script: str) -> Any:
        target = {"context": self._context}
        answer = self._do("script.evaluate", expression=script, target=target, awaitPromise=True)
        assert answer["type"] == "success", f"{script}: {answer}"
        return answer["result"]

    def run(self, script: str) -> Any:
        value = self._evaluate(f"JSON.stringify([{script}])")["value"]
        return json.loads(value)[0]

    def _perform(self, kind: str, *actions: dict[str, Any]) -> None:
        source = {"type": kind, "id": kind, "actions": list(actions)}
        self._do("input.performActions", context=self._context, actions=[source])

    def click(self, selector: str) -> None:
        self._evaluate(centre(selector))
        element = {"sharedId": self._evaluate(f"document.querySelector({json.dumps(selector)})")["sharedId"]}
        origin = {"type": "element", "element": element}
        self._perform(
            "pointer",
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        )

    def press(self, key: str) -> None:
        values = [KEYS.get(part, part) for part in key.split("+")]
        down = [{"type": "keyDown", "value": value} for value in values]
        self._perform("key", *down, *({"type": "keyUp", "value": value} for value in reversed(values)))

    def write(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def back(self) -> None:
        self._do("browsingContext.traverseHistory", context=self._context, delta=-1)

    def pdf(self) -> bytes | None:
        return base64.b64decode(self._do("browsingContext.print", context=self._context, background=True)["data"])

    def close(self) -> None:
        self._do("browser.close")
        self._bidi.close()
        _end(self._process)


class WebKit:
    """By WebKitGTK's own driver, on a screen of its own. Its driver can neither print nor force colours."""

    name = "webkit"

    def __init__(self, folder: Path, *, dark: bool = False) -> None:
        self.downloads, self.wrong = folder, []  # type: Path, list[str]
        self._screen, display = screen(folder)
        options = Options()
        options.binary_location = str(minibrowser())
        options.add_argument("--automation")
        env = {**os.environ, "HOME": str(folder), "DISPLAY": display, **CLOSED}
        if dark:
            env |= {"GTK_THEME": "Adwaita:dark"}
        service = Service(executable_path=shutil.which("WebKitWebDriver"), env=env)
        self._driver = webdriver.WebKitGTK(options=options, service=service)
        self._driver.set_window_size(SIZE["width"], SIZE["height"])

    def open(self, address: str) -> None:
        self._driver.get("about:blank")
        self._driver.get(address)
        self._driver.execute_script(HEAR)

    def run(self, script: str) -> Any:
        return json.loads(self._driver.execute_script(f"return JSON.stringify([{script}])"))[0]

    def click(self, selector: str) -> None:
        self._driver.execute_script(centre(selector))
        webdriver.ActionChains(self._driver).click(self._driver.find_element(By.CSS_SELECTOR, selector)).perform()

    def press(self, key: str) -> None:
        chain = webdriver.ActionChains(self._driver)
        values = [KEYS.get(part, part) for part in key.split("+")]
        for value in values:
            chain.key_down(value)
        for value in reversed(values):
            chain.key_up(value)
        chain.perform()

    def write(self, text: str) -> None:
        self._driver.switch_to.active_element.send_keys(text)

    def back(self) -> None:
        self._driver.back()
        self._driver.execute_script(HEAR)

    def pdf(self) -> bytes | None:
        return None

    def close(self) -> None:
        self._driver.quit()
        _end(self._screen)


KEYS = {name: getattr(Keys, constant) for name, constant in {
    "ArrowRight": "ARROW_RIGHT", "ArrowLeft": "ARROW_LEFT", "ArrowDown": "ARROW_DOWN", "ArrowUp": "ARROW_UP",
    "Enter": "ENTER", "Escape": "ESCAPE", "Tab": "TAB", "Control": "CONTROL", "Home": "HOME", "End": "END",
}.items()}  # fmt: skip

# WebKit's driver hands over no console: what the policy refused before is kept by the browser, the rest is listened to.
HEAR = """
if (!window.violations) {
  window.violations = [];
  const keep = ({ body }) => violations.push(`${body.effectiveDirective} ${body.blockedURL}`);
  new ReportingObserver((all) => all.forEach(keep), { types: ["csp-violation"], buffered: true }).observe();
  window.complaints = [];
  for (const level of ["error", "warn"]) {
    const write = console[level];
    console[level] = (...all) => { complaints.push(all.join(" ")); write(...all); };
  }
  addEventListener("error", (event) => complaints.push(event.message));
  addEventListener("unhandledrejection", (event) => complaints.push(String(event.reason)));
}
"""
CLOSED = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}


def firefox() -> str | None:
    """Debian's, or what a distribution calls by the name alone."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


def minibrowser() -> Path | None:
    """The small browser that WebKitGTK brings for its driver."""
    return next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), reverse=True)), None)


def missing() -> dict[str, str | None]:
    """Why a browser cannot be driven here; None where it can."""
    webkit = [shutil.which("WebKitWebDriver"), minibrowser(), shutil.which("Xvfb")]
    return {
        "chromium": None if any(map(shutil.which, BROWSERS)) else "Chromium is not installed",
        "firefox": None if firefox() else "Firefox is not installed (Debian: firefox-esr)",
        "webkit": None
        if all(webkit)
        else "WebKitGTK or a screen for it is not installed (Debian: webkit2gtk-driver xvfb)",
    }


def need(name: str) -> None:
    """Leave the test out where a browser is missing, but not where CI runs."""
    reason = missing()[name]
    if reason and "CI" in os.environ:
        pytest.fail(f"{reason}, and CI runs the browser tests in all three")
    if reason:
        pytest.skip(reason)


def screen(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A screen that nobody sees, and its name."""
    said = folder / "screen.log"
    with said.open("wb") as log:
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1920x1200x24", "-nolisten", "tcp"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL, start_new_session=True)
    number = _found(said, r"^(\d+)$")
    return process, f":{number}"


def _found(path: Path, pattern: str) -> str:
    """Wait until a program has said something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = re.search(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.05)
    pytest.fail(f"never said: {pattern}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)
