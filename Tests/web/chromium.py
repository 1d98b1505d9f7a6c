"""A real Chromium, spoken to over its debugging pipe, with nothing but Python's standard library."""

import base64
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    # Without this, sound runs before any gesture, and a test of "press play" proves nothing.
    "--autoplay-policy=document-user-activation-required",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
]


class Chromium:
    """A browser with a fresh profile."""

    def __init__(self, *flags: str) -> None:
        self.profile = tempfile.mkdtemp(prefix="riff-chromium-")
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        program = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
        arguments = [program, *FLAGS, *flags, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', *arguments],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = ours_out
        self._in = os.fdopen(ours_in, "rb", buffering=0)
        self._answers: dict[int, queue.Queue] = {}
        self._pages: dict[str, "Page"] = {}
        self._next = 0
        self._lock = threading.Lock()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, method: str, session: str | None = None, **parameters):
        with self._lock:
            self._next += 1
            number = self._next
            answer = self._answers[number] = queue.Queue()
            message = {"id": number, "method": method, "params": parameters}
            if session:
                message["sessionId"] = session
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self._out, data) :]
        found = answer.get(timeout=60)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def page(self, width: int = 1280, height: int = 800, dark: bool = True, still: bool = False) -> "Page":
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        self._pages[session] = page
        page.prepare(width, height, dark, still)
        return page

    def close(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._listener.join(10)
        os.close(self._out)
        self._in.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _listen(self) -> None:
        held = b""
        while data := self._in.read(1 << 16):
            *messages, held = (held + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    if answer := self._answers.pop(message["id"], None):
                        answer.put(message)
                elif page := self._pages.get(message.get("sessionId", "")):
                    page.events.append((message["method"], message["params"]))


class Page:
    """A tab: what it says, what it asks for, and a hand that clicks and types."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self.browser = browser
        self.target = target
        self.session = session
        self.events: list[tuple[str, dict]] = []

    def send(self, method: str, **parameters):
        return self.browser.send(method, self.session, **parameters)

    def prepare(self, width: int, height: int, dark: bool, still: bool) -> None:
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.send(f"{domain}.enable")
        self.resize(width, height)
        self.send(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
            ],
        )

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)
        self.wait("document.body?.dataset.open === 'true'", 20)

    def run(self, script: str, gesture: bool = False):
        found = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=gesture
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", str(found)))
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 30):
        """Waits until a condition holds; what it is then."""
        until = time.monotonic() + seconds
        while True:
            try:
                if value := self.run(condition):
                    return value
            except RuntimeError:
                if time.monotonic() > until:
                    raise
            if time.monotonic() > until:
                notice = self.run("document.getElementById('notice')?.textContent")
                raise AssertionError(f"waited {seconds} s for: {condition}; the page says: {notice!r}")
            time.sleep(0.03)

    def place(self, selector: str) -> tuple[float, float]:
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'nearest'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return x, y

    def mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        self.send(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left" if kind != "mouseMoved" else "none",
            buttons=buttons,
            clickCount=1 if kind != "mouseMoved" else 0,
        )

    def click(self, selector: str) -> None:
        x, y = self.place(selector)
        self.mouse("mousePressed", x, y, 1)
        self.mouse("mouseReleased", x, y)

    def drag(self, begin: tuple[float, float], *ways: tuple[float, float]) -> None:
        self.mouse("mousePressed", *begin, 1)
        for x, y in ways:
            self.mouse("mouseMoved", x, y, 1)
        self.mouse("mouseReleased", *ways[-1])

    def type(self, selector: str, text: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        self.send("Input.insertText", text=text)

    def key(self, key: str, shift: bool = False) -> None:
        codes = {"Enter": (13, "\r"), " ": (32, " "), "ArrowRight": (39, ""), "ArrowLeft": (37, ""), "ArrowUp": (38, "")}
        code, text = codes.get(key, (ord(key.upper()[0]), key))
        more = {"text": text} if text else {}
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
                **(more if kind == "keyDown" else {}),
            )

    def before_scripts(self, script: str) -> None:
        """Runs in each page from now on, before its own scripts."""
        self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    def bodies(self, path: str) -> list[dict]:
        """The JSON of what the page posted to a path, without the files that followed."""
        found = []
        for method, parameters in self.events:
            if method == "Network.requestWillBeSent" and parameters["request"]["url"].endswith(path):
                request = parameters["request"]
                if request.get("hasPostData"):
                    text = request.get("postData") or self.send(
                        "Network.getRequestPostData", requestId=parameters["requestId"]
                    )["postData"]
                    found.append(json.loads(text))
        return found

    def nameless(self) -> list[str]:
        """Controls that a screen reader has no name for, as the browser's accessibility tree has them."""
        self.send("Accessibility.enable")
        roles = {"button", "textbox", "slider", "combobox", "checkbox", "radio", "spinbutton", "tab", "link", "searchbox"}
        return [
            f"{node['role']['value']} {node.get('description', {}).get('value', '')}"
            for node in self.send("Accessibility.getFullAXTree")["nodes"]
            if not node.get("ignored")
            and node["role"]["value"] in roles
            and not node.get("name", {}).get("value", "").strip()
        ]

    def upload(self, selector: str, path: str) -> None:
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[path], nodeId=node)

    def picture(self, path: str, kind: str = "png", **options) -> None:
        data = self.send("Page.captureScreenshot", format=kind, **options)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def faults(self) -> list[str]:
        """Errors on the console, exceptions, and what the log holds as an error."""
        found = []
        for method, parameters in self.events:
            if method == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"].get("exception", {}).get("description", "exception"))
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
                found.append(str([argument.get("value") for argument in parameters["args"]]))
            elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                found.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
        return found

    def addresses(self) -> list[str]:
        """What the page asked for."""
        return [p["request"]["url"] for m, p in self.events if m == "Network.requestWillBeSent"]
