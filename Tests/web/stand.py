"""A daemon and a riff-web of this build, each on places of their own."""

import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = os.environ.get("RIFF_PROGRAMS", ".build/release")


class Visitor:
    """Whoever follows the address that riff-web prints."""

    def __init__(self, line: str) -> None:
        match = re.fullmatch(r"(http://127\.0\.0\.1:(\d+)/|https://[^/]+/)#enter=([0-9a-f]{64})", line)
        assert match, f"riff-web's first line is {line!r}"
        self.line = line
        self.origin = match[1].rstrip("/")
        self.port = int(match[2] or 0)
        self.token = match[3]

    def ask(self, method: str, path: str, headers: dict[str, str | None] | None = None, body: bytes | None = None):
        """One request with exactly these headers, besides Host and, for a POST, Origin unless they are given."""
        all_headers: dict[str, str | None] = {"Host": f"127.0.0.1:{self.port}"}
        if method == "POST":
            all_headers["Origin"] = self.origin
        all_headers |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in all_headers.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict((name.lower(), value) for name, value in answer.getheaders()), data

    def enter(self) -> dict[str, str]:
        """Lets itself in; the headers that its calls need."""
        status, headers, body = self.ask("POST", "/api/enter", body=self.token.encode())
        assert status == 200, body
        return {"Cookie": headers["set-cookie"].split(";")[0], "X-Riff-Secret": body.decode().split('"')[3]}


class Stand(Visitor):
    def __init__(self, *flags: str, port: int | None = 0) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="riff-web-")
        self.socket = f"{self.folder.name}/riffd.sock"
        self.environment = {
            **os.environ,
            "RIFF_SOCKET": self.socket,
            "XDG_CONFIG_HOME": self.folder.name,
        }
        self.daemon: subprocess.Popen | None = None
        self.start_daemon()
        arguments = [f"{PROGRAMS}/riff-web", "--socket", self.socket, *flags]
        if port is not None:
            arguments += ["--port", str(port)]
        self.web = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=self.environment, text=True)
        super().__init__(self.web.stdout.readline().strip())

    def start_daemon(self) -> None:
        self.daemon = subprocess.Popen(
            [f"{PROGRAMS}/riffd", "--socket", self.socket, "--threads", "2"],
            env=self.environment,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 20
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(self.socket)
                    return
                except OSError:
                    assert time.monotonic() < until, "riffd does not listen"
            time.sleep(0.02)

    def stop_daemon(self) -> None:
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def line_from_door(self) -> str:
        """A new address, as `riff web` asks for it."""
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(self.socket + ".web")
            return door.makefile().readline().strip()

    def close(self) -> None:
        for process in (self.web, self.daemon):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.web.stdout.close()
        self.folder.cleanup()
