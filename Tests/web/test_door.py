"""Who gets in: requests made by hand against a real riff-web, as docs/web.md says it."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import shutil

from stand import PROGRAMS, Stand, Visitor


class DoorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stand = Stand()
        status, headers, body = cls.stand.ask("POST", "/api/enter", body=cls.stand.token.encode())
        assert status == 200, body
        cls.set_cookie = headers["set-cookie"]
        cls.cookie = cls.set_cookie.split(";")[0]
        cls.secret = body.decode().split('"')[3]

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stand.close()

    def jobs(self) -> int:
        """Jobs that the daemon has had so far."""
        _, _, body = self.stand.ask("GET", "/api/status", self.known())
        import json

        status = json.loads(body)
        return sum(int(status.get(name, 0)) for name in ("jobsDone", "jobsCancelled", "jobsFailed")) + len(
            status.get("jobs", [])
        )

    def known(self, **other: str | None) -> dict[str, str | None]:
        headers: dict[str, str | None] = {"Cookie": self.cookie, "X-Riff-Secret": self.secret}
        return headers | {name.replace("_", "-"): value for name, value in other.items()}

    def refuses(self, path: str, headers: dict[str, str | None], method: str = "POST") -> None:
        before = self.jobs()
        status, _, body = self.stand.ask(method, path, headers, b'{"prompt":"bells"}' if method == "POST" else None)
        self.assertEqual(status, 403, body)
        self.assertEqual(self.jobs(), before, "something was started")

    def test_ends_in_order_amid_connections(self) -> None:
        stand = Stand()
        try:
            # While it stands still, they all come to wait, and so does the signal.
            stand.web.send_signal(signal.SIGSTOP)
            clients = [socket.create_connection(("127.0.0.1", stand.port), 10) for _ in range(64)]
            stand.web.send_signal(signal.SIGTERM)
            stand.web.send_signal(signal.SIGCONT)
            self.assertEqual(stand.web.wait(60), 0)
            for client in clients:
                client.close()
        finally:
            stand.close()

    def test_cookie(self) -> None:
        self.assertTrue(self.cookie.startswith(f"riff-web-{self.stand.port}="))
        for word in ("HttpOnly", "SameSite=Strict", "Path=/api"):
            self.assertIn(word, self.set_cookie)

    def test_token_once(self) -> None:
        status, headers, _ = self.stand.ask("POST", "/api/enter", body=self.stand.token.encode())
        self.assertEqual(status, 403)
        self.assertNotIn("set-cookie", headers)

    def test_wrong_tokens(self) -> None:
        for token in (b"", b"0" * 64, self.stand.token[:-1].encode(), b"x" * 100_000):
            status, _, _ = self.stand.ask("POST", "/api/enter", body=token)
            self.assertIn(status, (403, 413))

    def test_token_of_the_door(self) -> None:
        line = self.stand.line_from_door()
        status, _, _ = self.stand.ask("POST", "/api/enter", body=line.split("=")[1].encode())
        self.assertEqual(status, 200)

    def test_page_for_anybody(self) -> None:
        status, headers, body = self.stand.ask("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn(b"<title>riff</title>", body)
        policy = headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("script-src 'self';", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("blob:", policy.split("script-src")[1].split(";")[0])
        self.assertNotIn(self.secret.encode(), body)

    def test_hosts(self) -> None:
        port = self.stand.port
        for host in (None, "", "127.0.0.1", f"127.0.0.1:{port + 1}", "evil.example", f"evil.example:{port}", f"127.0.0.1:{port}.evil"):
            self.refuses("/api/generate", self.known(Host=host))
            # Without a Host, the HTTP library itself may refuse.
            status, _, _ = self.stand.ask("GET", "/", {"Host": host})
            self.assertEqual(status, 403, host)
        status, _, _ = self.stand.ask("GET", "/", {"Host": f"LOCALHOST:{port}"})
        self.assertEqual(status, 200)

    def test_two_hosts(self) -> None:
        with socket.create_connection(("127.0.0.1", self.stand.port), 10) as connection:
            host = f"127.0.0.1:{self.stand.port}"
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n".encode())
            self.assertRegex(connection.recv(4096), rb"^HTTP/1.1 4(00|03) ")

    def test_origins(self) -> None:
        port = self.stand.port
        for origin in (None, "", "null", "http://evil.example", f"http://127.0.0.1:{port + 1}", f"http://localhost:{port}", "http://127.0.0.1"):
            self.refuses("/api/generate", self.known(Origin=origin))
            status, headers, _ = self.stand.ask("POST", "/api/enter", {"Origin": origin}, self.stand.line_from_door().split("=")[1].encode())
            self.assertEqual(status, 403)
            self.assertNotIn("set-cookie", headers)
        self.refuses("/api/status", self.known(Origin="http://evil.example"), "GET")

    def test_other_sites(self) -> None:
        for site in ("cross-site", "same-site", "none"):
            self.refuses("/api/generate", self.known(Sec_Fetch_Site=site))

    def test_cookie_alone_admits_nobody(self) -> None:
        """What another port's page, or its server, gets hold of: the cookie, and never the secret."""
        self.refuses("/api/generate", {"Cookie": self.cookie})
        self.refuses("/api/generate", {"X-Riff-Secret": self.secret})
        self.refuses("/api/generate", self.known(Cookie=self.cookie.replace(str(self.stand.port), "1")))
        self.refuses("/api/generate", self.known(Cookie=f"{self.cookie}; {self.cookie}x"))
        self.refuses("/api/generate", self.known(X_Riff_Secret=self.secret[:-1] + "x"))
        self.refuses("/api/generate", self.known(X_Riff_Secret=""))

    def test_sessions_of_two_do_not_mix(self) -> None:
        _, headers, body = self.stand.ask("POST", "/api/enter", body=self.stand.line_from_door().split("=")[1].encode())
        other = headers["set-cookie"].split(";")[0]
        self.refuses("/api/generate", self.known(Cookie=other))

    def test_paths(self) -> None:
        for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/index.html/", "/Package.swift", "/page/index.html", "/%00"):
            status, _, _ = self.stand.ask("GET", path)
            self.assertEqual(status, 404, path)
        status, _, _ = self.stand.ask("GET", "/api/takes/../../etc/wav", self.known())
        self.assertEqual(status, 404)

    def test_other_methods(self) -> None:
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
            status, headers, _ = self.stand.ask(method, "/", {"Origin": self.stand.origin})
            self.assertEqual(status, 405)
            self.assertNotIn("access-control-allow-origin", headers)

    def test_no_network_but_loopback(self) -> None:
        listening = subprocess.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True).stdout
        rows = [line.split() for line in listening.splitlines() if f":{self.stand.port:04X} " in line]
        places = {row[1] for row in rows if row[3] == "0A"}
        self.assertEqual(places, {f"0100007F:{self.stand.port:04X}"})

    def test_nonsense(self) -> None:
        for data in (b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET http://evil/ HTTP/1.1\r\nHost: evil\r\n\r\n", b"A" * 200_000):
            with socket.create_connection(("127.0.0.1", self.stand.port), 10) as connection:
                try:
                    connection.sendall(data)
                    self.assertNotIn(b" 200 ", connection.recv(4096))
                except OSError:
                    pass
        self.assertEqual(self.stand.ask("GET", "/")[0], 200)

    def test_bad_messages(self) -> None:
        for body in (b"", b"[]", b'{"prompt":7}', b'{"nonsense":1}', b"\xff\xfe", b"[" * 100_000):
            status, _, words = self.stand.ask("POST", "/api/generate", self.known(), body)
            self.assertEqual(status, 400, words)
        status, _, _ = self.stand.ask("POST", "/api/generate", self.known(), b" " * ((1 << 20) + 1))
        self.assertEqual(status, 413)

    def test_uploads_without_an_end(self) -> None:
        for body in (b"", b"\1", b"\xff\xff\xff\xff", b"\x08\0\0\0{}"):
            status, _, _ = self.stand.ask("POST", "/api/remix", self.known(), body)
            self.assertIn(status, (400, 413))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be another user")
    def test_a_connection_closes_when_it_was_asked_to(self) -> None:
        with socket.create_connection(("127.0.0.1", self.stand.port)) as link:
            link.settimeout(20)
            link.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self.stand.port}\r\nConnection: close\r\n\r\n".encode())
            said = b""
            while part := link.recv(1 << 16):
                said += part
        self.assertTrue(said.startswith(b"HTTP/1.1 200 "), said[:100])
        self.assertIn(b"</html>", said)

    def test_strangers_cannot_hold_connections(self) -> None:
        """A body that never ends, and an answer that nobody reads, end within seconds, without a token."""
        head = f"Host: 127.0.0.1:{self.stand.port}\r\nOrigin: {self.stand.origin}\r\n"
        address = ("127.0.0.1", self.stand.port)
        with socket.create_connection(address) as slow, socket.create_connection(address) as deaf:
            slow.settimeout(30)
            slow.sendall(f"POST /api/enter HTTP/1.1\r\n{head}Content-Length: 64\r\n\r\nabc".encode())
            # So many answers that no socket's buffer takes them.
            deaf.settimeout(30)
            request = f"GET /app.js HTTP/1.1\r\n{head}\r\n".encode()
            deaf.setblocking(False)
            until = time.monotonic() + 2
            while time.monotonic() < until:
                try:
                    deaf.send(request * 100)
                except BlockingIOError:
                    time.sleep(0.02)
            said = b""
            while part := slow.recv(1 << 16):
                said += part
            self.assertTrue(said.startswith(b"HTTP/1.1 408 "), said)
            self.assertIn(b"not complete within", said)
            # Once closed, writing fails; until then it only waits.
            until = time.monotonic() + 30
            while True:
                try:
                    deaf.send(b"G")
                except BlockingIOError:
                    pass
                except OSError:
                    break
                self.assertLess(time.monotonic(), until)
                time.sleep(0.05)

    def test_another_user(self) -> None:
        """Sees the page, as everybody on loopback does, and nothing else; the door's socket is not theirs."""
        program = f"""
import http.client, socket, sys
port, path = {self.stand.port}, {self.stand.socket + ".web"!r}
connection = http.client.HTTPConnection("127.0.0.1", port)
connection.request("GET", "/")
answer = connection.getresponse(); answer.read()
assert answer.status == 200, answer.status
for cookie in ("", "riff-web-{self.stand.port}=" + "0" * 64):
    connection.request("POST", "/api/generate", b'{{"prompt":"bells"}}', {{"Origin": "http://127.0.0.1:%d" % port,
        "Cookie": cookie, "X-Riff-Secret": "0" * 64}})
    answer = connection.getresponse(); answer.read()
    assert answer.status == 403, answer.status
try:
    socket.socket(socket.AF_UNIX).connect(path)
except PermissionError:
    pass
else:
    sys.exit("the door let another user in")
"""
        before = self.jobs()
        subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program], check=True
        )
        self.assertEqual(self.jobs(), before)

    def test_no_token_on_a_command_line(self) -> None:
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    self.assertNotIn(self.stand.token.encode(), file.read())
            except OSError:
                pass


class ListenTest(unittest.TestCase):
    """A Unix-domain socket for a proxy: the daemon's own rules for its place."""

    def test_listen(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/web.sock"
            stand = Stand("--listen", path, "--allow-host", "music.example", port=None)
            try:
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                self.assertEqual(stand.origin, "https://music.example")
                for host, expected in (("music.example", b" 200 "), ("127.0.0.1", b" 403 ")):
                    with socket.socket(socket.AF_UNIX) as connection:
                        connection.connect(path)
                        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                        self.assertIn(expected, connection.recv(64))
                second = subprocess.run(
                    [f"{PROGRAMS}/riff-web", "--socket", stand.socket, "--listen", path, "--allow-host", "a"],
                    capture_output=True, text=True, timeout=20,
                )
                self.assertNotEqual(second.returncode, 0)
                self.assertIn("serves", second.stderr)
            finally:
                stand.close()
            self.assertFalse(os.path.exists(path))

    def test_open_folder_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            found = subprocess.run(
                [f"{PROGRAMS}/riff-web", "--listen", f"{folder}/web.sock", "--allow-host", "a"],
                capture_output=True, text=True, timeout=20,
            )
            self.assertNotEqual(found.returncode, 0)
            self.assertIn("0755", found.stderr)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be another user")
    def test_group(self) -> None:
        """A proxy's group reaches the socket; nobody else does."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            path = f"{folder}/shared/web.sock"
            stand = Stand("--listen", path, "--allow-host", "music.example", "--allow-group", "100", port=None)
            try:
                found = [(stat.S_IMODE(status.st_mode), status.st_gid) for status in map(os.stat, (f"{folder}/shared", path))]
                self.assertEqual(found, [(0o750, 100), (0o660, 100)])
                self.assertEqual(stat.S_IMODE(os.stat(path + ".lock").st_mode), 0o600)
                program = (
                    "import socket, sys\nlink = socket.socket(socket.AF_UNIX)\nlink.connect(sys.argv[1])\n"
                    r"link.sendall(b'GET / HTTP/1.1\r\nHost: music.example\r\nConnection: close\r\n\r\n')"
                    "\nprint(link.recv(64))"
                )
                for groups, expected in (("--groups=100", " 200 "), ("--clear-groups", "PermissionError")):
                    asked = subprocess.run(
                        ["setpriv", "--reuid=65534", "--regid=65534", groups, "/usr/bin/python3", "-c", program, path],
                        capture_output=True, text=True, timeout=20,
                    )
                    self.assertIn(expected, asked.stdout + asked.stderr)
            finally:
                stand.close()

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to be another user")
    def test_daemon_of_another_user(self) -> None:
        """It is believed where both its socket and the group are named, and only there."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            path = f"{folder}/shared/riffd.sock"
            page = shutil.copytree(f"{os.path.dirname(__file__)}/../../Clients/riff-web/page", f"{folder}/page")
            web = shutil.copy(f"{PROGRAMS}/riff-web", f"{folder}/riff-web")
            daemon = subprocess.Popen(
                [f"{PROGRAMS}/riffd", "--socket", path, "--allow-group", "100"], stderr=subprocess.DEVNULL
            )
            try:
                until = time.monotonic() + 20
                while not os.path.exists(path):
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.02)
                for named, is_believed in ((["--allow-group", "100"], True), ([], False)):
                    process = subprocess.Popen(
                        ["setpriv", "--reuid=65534", "--regid=65534", "--groups=100", web, "--port", "0", "--socket", path, *named],
                        env={**os.environ, "RIFF_WEB": page}, stdout=subprocess.PIPE, text=True,
                    )
                    try:
                        assert process.stdout
                        visitor = Visitor(process.stdout.readline().strip())
                        status, _, body = visitor.ask("GET", "/api/status", visitor.enter())
                        self.assertEqual(status == 200, is_believed, body)
                    finally:
                        process.terminate()
                        process.wait(20)
                        assert process.stdout
                        process.stdout.close()
            finally:
                daemon.terminate()
                daemon.wait(20)

    def test_group_without_a_place(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "RIFF_SOCKET"}
        for words, expected in (
            (["--allow-group", "100"], "--allow-group needs --listen"),
            (["--listen", "/tmp/x/y", "--allow-host", "a", "--allow-group", "no such"], "there is no group"),
        ):
            found = subprocess.run(
                [f"{PROGRAMS}/riff-web", *words], capture_output=True, text=True, timeout=20, env=environment
            )
            self.assertNotEqual(found.returncode, 0)
            self.assertIn(expected, found.stderr)


class WebCommandTest(unittest.TestCase):
    """`riff web`: a daemon and a riff-web if there are none, a redirect that only its owner reads."""

    def test_redirect(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            opened = f"{folder}/opened"
            browser = f"{folder}/browser"
            with open(browser, "w") as file:
                file.write(f'#!/bin/sh\ncp -p "$1" "{opened}.new" && mv "{opened}.new" "{opened}"\n')
            os.chmod(browser, 0o755)
            os.symlink(browser, f"{folder}/xdg-open")
            environment = {
                **os.environ, "RIFF_SOCKET": f"{folder}/riffd.sock", "XDG_CONFIG_HOME": folder, "BROWSER": browser,
                "PATH": f"{folder}:{os.environ['PATH']}",
            }
            link = "http://127.0.0.1:7433/#kind=piece&p=church+bells&seed=7&enter=stolen&x=<\"'"
            riff = subprocess.Popen([f"{PROGRAMS}/riff", "web", "--port", "0", link], env=environment, stderr=subprocess.PIPE)
            try:
                import time

                until = time.monotonic() + 30
                while not os.path.exists(opened):
                    self.assertLess(time.monotonic(), until)
                    self.assertIsNone(riff.poll(), "riff web has ended")
                    time.sleep(0.05)
                self.assertEqual(stat.S_IMODE(os.stat(opened).st_mode), 0o600)
                with open(opened) as file:
                    page = file.read()
                self.assertRegex(
                    page,
                    r'url=http://127\.0\.0\.1:\d+/#enter=[0-9a-f]{64}&amp;kind=piece&amp;p=church\+bells&amp;seed=7&amp;x=%3C%22&#39;"',
                )
                self.assertNotIn("stolen", page)
                # A second one asks the first.
                again = subprocess.run(
                    [f"{PROGRAMS}/riff", "web", "--no-browser"], env=environment, capture_output=True, text=True, timeout=20
                )
                self.assertRegex(again.stdout, r"^http://127\.0\.0\.1:\d+/#enter=[0-9a-f]{64}\n$")
            finally:
                riff.terminate()
                riff.wait(15)
                riff.stderr.close()
                subprocess.run([f"{PROGRAMS}/riff", "stop"], env=environment, stdout=subprocess.DEVNULL, timeout=30)
            self.assertEqual([name for name in os.listdir(folder) if name.endswith(".html") or name.endswith(".web")], [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
