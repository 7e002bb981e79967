"""One tab of a real browser that a test steers, for stories of several pages: sign in, go elsewhere, come back.

Steered by Chromium's DevTools protocol over a pipe: messages are JSON with a NUL behind each.
"""

from __future__ import annotations

import base64
import html
import json
import os
import queue
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE_SECONDS = 60
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"),
    # Else it asks for https first, and takes its time to learn that there is none.
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
)
_WATCHED = frozenset(
    {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.requestWillBeSent"}
)
_READS_FROM, _WRITES_TO = 3, 4  # the file descriptors that Chromium expects


@contextmanager
def a_tab(folder: Path, *, names: str = "", has_scripts: bool = True) -> Iterator[Tab]:
    """A browser that nobody has used before, with one empty tab; skips where there is no browser.

    `names` are rules of host names that lead elsewhere, such as `MAP exports.example 127.0.0.1`. Without scripts, those
    of pages do not run.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here")
    rules = (f"--host-resolver-rules={names}",) if names else ()
    browser = _Browser([chromium, *_OPTIONS, *rules, f"--user-data-dir={folder / 'browser'}"], folder / "browser.log")
    try:
        yield Tab(browser, has_scripts=has_scripts)
    finally:
        browser.close()


class Tab:
    """A tab, as a person sees and uses it."""

    def __init__(self, browser: _Browser, *, has_scripts: bool = True) -> None:
        self._browser = browser
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")
        if not has_scripts:
            self._ask("Emulation.setScriptExecutionDisabled", value=True)

    def watch(self) -> None:
        """Keep what the browser complains of from now on, and what it asks for."""
        for domain in ("Log", "Runtime", "Network"):
            self._ask(f"{domain}.enable")

    def complaints(self) -> list[str]:
        """The browser's complaints since it is watched: errors of scripts, violations of a policy."""
        return [json.dumps(one["params"]) for one in self._watched() if one["method"] != "Network.requestWillBeSent"]

    def requests(self) -> list[str]:
        """The addresses that it has asked for since then."""
        sent = [one["params"] for one in self._watched() if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def show_as(self, *, width: int = 1280, height: int = 900, is_dark: bool = False) -> None:
        """Have a window of this size, and a person who prefers light or dark."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, kind: str = "png") -> bytes:
        """A picture of the window, as PNG, or as WebP, which is smaller."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format=kind, quality=70)["data"])

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        for kind in ("keyDown", "keyUp"):
            self._ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Tab": 9}.get(key, 0)
            )

    def text(self) -> str:
        """The text of the page, also where its scripts do not run."""
        return html.unescape(re.sub(r"<[^>]*>", " ", self._html()))

    def type_into(self, selector: str, text: str) -> None:
        """Type into a field, as a person does."""
        self._ask("DOM.focus", nodeId=self._node(selector))
        self._ask("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click on something, and wait for the page that it leads to."""
        self._browser.forget_events()
        node = self._node(selector)
        self._ask("DOM.scrollIntoViewIfNeeded", nodeId=node)
        quad = self._ask("DOM.getContentQuads", nodeId=node)["quads"][0]
        x, y = sum(quad[0::2]) / 4, sum(quad[1::2]) / 4
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self._browser.wait_for("Page.loadEventFired")

    def _html(self) -> str:
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        return str(self._ask("DOM.getOuterHTML", nodeId=root)["outerHTML"])

    def _node(self, selector: str) -> int:
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        return int(self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])

    def _watched(self) -> list[dict[str, Any]]:
        return list(self._browser.watched)

    def open(self, url: str) -> None:
        """Go to an address and wait until the page, and where its scripts lead at once, is loaded."""
        self._browser.forget_events()
        self._ask("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired")

    def run(self, script: str) -> Any:
        """Return the result of a script on the page; a promise is waited for."""
        answer = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def submit(self, script: str) -> None:
        """Run a script that sends a form, and wait for the page that follows."""
        self._browser.forget_events()
        self.run(script)
        self._browser.wait_for("Page.loadEventFired")

    def wait_to_be_led(self, by: Callable[[], object]) -> None:
        """Do something by which the page leads elsewhere by itself, and wait for the page that follows."""
        self._browser.forget_events()
        by()
        self._browser.wait_for("Page.loadEventFired")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.ask(method, session=self._session, **parameters)


class _Browser:
    """The process and the two pipes to it."""

    def __init__(self, command: list[str], log: Path) -> None:
        to_read, self._commands = os.pipe()
        self._messages, to_write = os.pipe()
        self._pid = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, to_read, _READS_FROM),
                (os.POSIX_SPAWN_DUP2, to_write, _WRITES_TO),
            ],
        )
        os.close(to_read)
        os.close(to_write)
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.watched: list[dict[str, Any]] = []
        self._asked = 0
        self._reader = threading.Thread(target=self._read, name="browser")
        self._reader.start()

    def ask(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command; its result."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        os.write(self._commands, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while (answer := self._answers.get(timeout=PATIENCE_SECONDS))["id"] != self._asked:
            pass
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def forget_events(self) -> None:
        """Only what happens from now on is waited for."""
        self._events = queue.SimpleQueue()

    def wait_for(self, event: str) -> None:
        """Wait for something to happen."""
        while self._events.get(timeout=PATIENCE_SECONDS) != event:
            pass

    def close(self) -> None:
        """End the process."""
        try:
            self.ask("Browser.close")
        finally:
            os.waitpid(self._pid, 0)
            self._reader.join()
            os.close(self._commands)
            os.close(self._messages)

    def _read(self) -> None:
        rest = b""
        while block := os.read(self._messages, 1 << 16):
            *messages, rest = (rest + block).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.put(message)
                    continue
                if message["method"] in _WATCHED:
                    self.watched.append(message)
                self._events.put(message["method"])
