"""riff-grpc as Python's grpcio sees it: a real daemon, a real gateway, generated stubs."""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase)

import riff_pb2 as riff
import riff_pb2_grpc

sys.path.insert(0, str(Path(__file__).parents[2] / "Protocol" / "conformance"))
from conformance import client as scripted, samples, wire  # noqa: E402

LARGE = [("grpc.max_receive_message_length", 64 << 20)]
programs: argparse.Namespace


def wait_for(condition, what: str, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def start(*arguments, **options) -> subprocess.Popen:
    return subprocess.Popen(arguments, stderr=subprocess.DEVNULL, **options)


class GatewayTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="riff-grpc-")
        cls.socket = f"{cls.folder}/riffd.sock"
        cls.listen = f"{cls.folder}/grpc.sock"
        cls.daemon = start(programs.daemon, "--socket", cls.socket)
        cls.gateway = start(programs.gateway, "--socket", cls.socket, "--listen", cls.listen)
        wait_for(lambda: os.path.exists(cls.socket) and os.path.exists(cls.listen), "the sockets")

    @classmethod
    def tearDownClass(cls):
        for process in (cls.gateway, cls.daemon):
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.channel = grpc.insecure_channel(f"unix:{self.listen}", options=LARGE)
        self.stub = riff_pb2_grpc.RiffStub(self.channel)
        grpc.channel_ready_future(self.channel).result(20)

    def tearDown(self):
        self.channel.close()

    def jobs(self) -> int:
        return len(self.stub.Status(riff.StatusRequest()).jobs)

    @staticmethod
    def render_requests(columns: int):
        yield riff.RenderRequest(options=riff.RenderOptions(
            output=riff.OUTPUT_FORMAT_PCM_F32, quality=riff.QUALITY_DRAFT))
        yield riff.RenderRequest(chunk=samples.png(columns))

    def test_unary(self):
        status = self.stub.Status(riff.StatusRequest(), timeout=10)
        self.assertEqual(status.pid, self.daemon.pid)
        models = self.stub.ListModels(riff.ListModelsRequest()).models
        self.assertIn("riff-mini", [model.name for model in models])

    def test_server_streaming(self):
        events = list(self.stub.Generate(riff.GenerateRequest(
            prompt="church bells", seed=1, steps=4, output=riff.OUTPUT_FORMAT_OGG_OPUS)))
        self.assertEqual(events[-1].WhichOneof("event"), "done")
        sound = b"".join(event.audio for event in events)
        self.assertTrue(sound.startswith(b"OggS"))

    def test_bidirectional_and_flow_control(self):
        """More than both windows hold, each way, to a reader that begins late."""
        call = self.stub.Render(self.render_requests(1_000))
        time.sleep(1)
        events = list(call)
        sound = b"".join(event.audio for event in events)
        self.assertEqual(len(sound), 1_000 * 480 * 4)

    def test_client_streaming(self):
        def requests():
            yield riff.AnalyzeRequest(options=riff.AnalyzeOptions())
            clip = samples.wav(20)
            for at in range(0, len(clip), 100_000):
                yield riff.AnalyzeRequest(chunk=clip[at:at + 100_000])
        answer = self.stub.Analyze(requests())
        self.assertTrue(answer.png.startswith(b"\x89PNG"))

    def test_errors_and_details(self):
        """Trailers alone, with google.rpc.Status unchanged."""
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.stub.Generate(riff.GenerateRequest(prompt="bells", steps=100_000)))
        error = raised.exception
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertTrue(error.details().startswith("steps"))
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        self.assertIn(b"type.googleapis.com/google.rpc.BadRequest", details)
        self.assertEqual(details[:2], b"\x08\x03")

    def test_a_request_over_the_limit(self):
        """The daemon says so, not the gateway."""
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.stub.Render(iter([riff.RenderRequest(chunk=bytes(5 << 20))])))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_unknown_method(self):
        call = self.channel.unary_unary("/riff.v1.Riff/NoSuchMethod")
        with self.assertRaises(grpc.RpcError) as raised:
            call(b"")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_metadata(self):
        status, call = self.stub.Status.with_call(
            riff.StatusRequest(), metadata=[("k", "v"), ("raw-bin", b"\0\xff"),
                                            ("riff-grpc-connection", "77")])
        self.assertEqual(call.code(), grpc.StatusCode.OK)
        self.assertNotIn("riff-grpc-connection", dict(call.initial_metadata()))

    def test_cancel(self):
        call = self.stub.Render(self.render_requests(2_000))
        next(iter(call))
        wait_for(lambda: self.jobs() == 1, "the job")
        call.cancel()
        wait_for(lambda: self.jobs() == 0, "the end of the cancelled job")

    def test_lost_client(self):
        other = grpc.insecure_channel(f"unix:{self.listen}", options=LARGE)
        call = riff_pb2_grpc.RiffStub(other).Render(self.render_requests(2_000))
        next(iter(call))
        wait_for(lambda: self.jobs() == 1, "the job")
        other.close()
        wait_for(lambda: self.jobs() == 0, "the end of the lost client's job")

    def test_deadline(self):
        begun = time.monotonic()
        with self.assertRaises(grpc.RpcError) as raised:
            def never():
                yield riff.AnalyzeRequest(options=riff.AnalyzeOptions())
                time.sleep(5)
            self.stub.Analyze(never(), timeout=0.5)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertLess(time.monotonic() - begun, 4)

    def test_deadline_of_a_running_job(self):
        """The daemon stops the work at the deadline, which reaches it as grpc-timeout."""
        with self.assertRaises(grpc.RpcError) as raised:
            for event in self.stub.Render(self.render_requests(4_000), timeout=1):
                time.sleep(0.1)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        wait_for(lambda: self.jobs() == 0, "the end of the late job")

    def test_every_method(self):
        """What the daemon says to an empty request is what it says to a client of its own framing,
        for every method that riff.proto has."""
        for method in riff.DESCRIPTOR.services_by_name["Riff"].methods:
            name = f"riff.v1.Riff/{method.name}"
            call = self.channel.stream_stream(
                f"/{name}")(iter([b""]), timeout=2)
            try:
                for _ in call:
                    pass
            except grpc.RpcError:
                pass
            with socket.socket(socket.AF_UNIX) as direct:
                direct.settimeout(20)
                direct.connect(self.socket)
                direct.sendall(wire.PREFACE + wire.frame(
                    wire.HEADERS, 1, wire.headers(name, ("grpc-timeout", "2S")))
                    + wire.frame(wire.MESSAGE, 1, b"", wire.LAST) + wire.frame(wire.HALF_CLOSE, 1))
                stream = direct.makefile("rb")
                stream.read(8)
                while True:
                    head = stream.read(12)
                    payload = stream.read(int.from_bytes(head[:4], "big") - 8)
                    if head[4] == wire.STATUS:
                        break
            code = wire.first(payload, 1, 0)
            with self.subTest(method.name):
                self.assertEqual(call.code().value[0], code)
                if code != 4:
                    self.assertEqual(call.details(), wire.first(payload, 2, b"").decode())

    def test_one_daemon_connection_each(self):
        """Fairness: as many connections to the daemon as clients."""
        def connections() -> int:
            lines = Path("/proc/net/unix").read_text().splitlines()
            return sum(line.endswith(self.socket) and line.split()[5] == "03" for line in lines)
        self.stub.Status(riff.StatusRequest())
        before = connections()
        others = [grpc.insecure_channel(f"unix:{self.listen}",
                                        options=[("grpc.use_local_subchannel_pool", 1)])
                  for _ in range(3)]
        for other in others:
            riff_pb2_grpc.RiffStub(other).Status(riff.StatusRequest())
        self.assertEqual(connections(), before + 3)
        for other in others:
            other.close()
        wait_for(lambda: connections() == before, "the connections' end")

    def test_many_calls_at_once(self):
        answers = [self.stub.Status.future(riff.StatusRequest()) for _ in range(100)]
        self.assertEqual({answer.result(20).pid for answer in answers}, {self.daemon.pid})

    def test_health(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        for service in ("", "riff.v1.Riff"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, serving)
        with self.assertRaises(grpc.RpcError) as raised:
            stub.Check(health_pb2.HealthCheckRequest(service="no.Such"))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        self.assertEqual(next(watch).status, serving)
        watch.cancel()
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="no.Such"))
        self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        watch.cancel()

    def test_reflection(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertIn("riff.v1.Riff", database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("riff.v1.Riff")
        self.assertEqual(set(service.methods_by_name),
                         set(riff.DESCRIPTOR.services_by_name["Riff"].methods_by_name))
        self.assertEqual(pool.FindMessageTypeByName("riff.v1.GenerateRequest").full_name,
                         "riff.v1.GenerateRequest")

    def test_reflection_v1(self):
        """The messages of v1 are those of v1alpha."""
        ask = self.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
        listed, file, absent = ask(iter([
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="riff.v1.Riff.Generate"),
            reflection_pb2.ServerReflectionRequest(file_by_filename="no/such.proto")]))
        names = {service.name for service in listed.list_services_response.service}
        self.assertEqual(names, {"riff.v1.Riff", "grpc.health.v1.Health",
                                 "grpc.reflection.v1.ServerReflection",
                                 "grpc.reflection.v1alpha.ServerReflection"})
        self.assertEqual(len(file.file_descriptor_response.file_descriptor_proto), 1)
        self.assertEqual(absent.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])

    def test_place(self):
        """The same rules as the daemon's: modes, and one server for a place."""
        self.assertEqual(os.stat(self.listen).st_mode & 0o777, 0o600)
        second = subprocess.run([programs.gateway, "--socket", self.socket, "--listen", self.listen],
                                capture_output=True, timeout=20)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn(b"serves", second.stderr)
        open_folder = f"{self.folder}/open"
        os.mkdir(open_folder, 0o755)
        os.chmod(open_folder, 0o755)
        refused = subprocess.run([programs.gateway, "--listen", f"{open_folder}/s"],
                                 capture_output=True, timeout=20)
        self.assertNotEqual(refused.returncode, 0)


class ScriptedDaemonTests(unittest.TestCase):
    """A daemon whose every byte the test writes."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="riff-grpc-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(f"{self.folder}/riffd.sock")
        self.listener.listen(8)
        self.gateway = start(programs.gateway, "--socket", f"{self.folder}/riffd.sock",
                             "--listen", f"{self.folder}/grpc.sock", "--grace", "1")
        self.addCleanup(self.gateway.wait, 20)
        self.addCleanup(self.gateway.terminate)
        wait_for(lambda: os.path.exists(f"{self.folder}/grpc.sock"), "the socket")
        self.channel = grpc.insecure_channel(f"unix:{self.folder}/grpc.sock", options=LARGE)
        self.addCleanup(self.channel.close)

    def accept(self) -> scripted.Server:
        self.listener.settimeout(20)
        server = scripted.Server(self.listener.accept()[0])
        self.addCleanup(server.close)
        scripted.greet(server)
        return server

    def test_all_that_travels(self):
        """A method that nobody knows, metadata of both kinds, messages, trailers, details."""
        call = self.channel.stream_stream("/a.b.Later/Method")(
            iter([b"one", b"", b"three"]), timeout=9,
            metadata=[("k", "v"), ("k", "w"), ("raw-bin", b"\0\xff")])
        server = self.accept()
        headers = None
        while not server.half_closed:
            found = server.pump()
            headers = found.payload if found.type == wire.HEADERS else headers
        self.assertEqual(server.method, "a.b.Later/Method")
        self.assertEqual(server.requests, [b"one", b"", b"three"])
        sent = wire.check_metadata([value for number, value in wire.fields(headers) if number == 2])
        self.assertEqual([value for key, value in sent if key == "k"], [b"v", b"w"])
        self.assertIn(("raw-bin", b"\0\xff"), sent)
        timeout = dict(sent)["grpc-timeout"].decode()
        self.assertTrue(timeout[-1] in "mun" and len(timeout) <= 8, timeout)
        self.assertFalse({key for key, _ in sent} - {"k", "raw-bin", "grpc-timeout", "user-agent"})
        server.headers(wire.headers("", ("h", "1"), ("h-bin", b"\x01")))
        server.message(b"answer")
        server.message(b"")
        server.status(wire.status(10, "so: \u00e4%", ("t", "2"), ("grpc-status-details-bin", b"\x08\x0a")))
        answers = []
        with self.assertRaises(grpc.RpcError):
            for answer in call:
                answers.append(answer)
        self.assertEqual(answers, [b"answer", b""])
        self.assertEqual(call.code(), grpc.StatusCode.ABORTED)
        self.assertEqual(call.details(), "so: \u00e4%")
        first = [tuple(entry) for entry in call.initial_metadata()]
        self.assertIn(("h", "1"), first)
        self.assertIn(("h-bin", b"\x01"), first)
        last = [tuple(entry) for entry in call.trailing_metadata()]
        self.assertIn(("t", "2"), last)
        self.assertIn(("grpc-status-details-bin", b"\x08\x0a"), last)

    def test_a_reader_that_does_not_read(self):
        """The daemon is stopped by its credit, the gateway holds little, and all arrives in the end."""
        call = self.channel.unary_stream("/a.b.C/D")(b"")
        server = self.accept()
        server.request()
        server.headers()
        size, count = 1 << 20, 48
        sent = 0

        def send():
            nonlocal sent
            for _ in range(count):
                server.message(bytes(size))
                sent += 1
            server.status()
        sender = threading.Thread(target=send)
        sender.start()
        before = -1
        while before != sent:
            before = sent
            time.sleep(1)
        self.assertLess(sent, 16, "messages of 1 MiB beyond a reader that takes none")
        resident = int(Path(f"/proc/{self.gateway.pid}/statm").read_text().split()[1]) * 4096
        self.assertLess(resident, 96 << 20)
        self.assertEqual(sum(len(part) for part in call), size * count)
        sender.join(20)

    def test_cancel(self):
        call = self.channel.unary_stream("/a.b.C/D")(b"")
        server = self.accept()
        server.request()
        call.cancel()
        while server.cancelled is None:
            server.pump()
        self.assertEqual(server.cancelled, wire.CANCELLED)

    def test_the_daemon_goes_away(self):
        """In order (the next call connects again) or not, with the reason."""
        call = self.channel.unary_unary("/a.b.C/D").future(b"")
        server = self.accept()
        server.request()
        server.frame(wire.GO_AWAY, 0, wire.go_away(wire.OVERLOADED, "a reason in words"))
        self.assertEqual(call.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("a reason in words", call.details())
        server.close()
        call = self.channel.unary_unary("/a.b.C/D").future(b"")
        server = self.accept()
        server.request()
        server.headers()
        server.message(b"x")
        server.status()
        self.assertEqual(call.result(20), b"x")

    def test_an_end_in_order(self):
        """SIGTERM: calls go on for --grace seconds; then they end as UNAVAILABLE."""
        early = self.channel.unary_unary("/a.b.C/D").future(b"")
        first = self.accept()
        first.request()
        other = grpc.insecure_channel(f"unix:{self.folder}/grpc.sock",
                                      options=[("grpc.use_local_subchannel_pool", 1)])
        late = other.unary_unary("/a.b.C/D").future(b"")
        second = self.accept()
        second.request()
        self.gateway.terminate()
        time.sleep(0.3)
        first.headers()
        first.message(b"in time")
        first.status()
        self.assertEqual(early.result(20), b"in time")
        self.assertEqual(late.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.gateway.wait(20), 0)
        self.assertFalse(os.path.exists(f"{self.folder}/grpc.sock"))
        other.close()


class ForeignUserTests(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
    def test_refused(self):
        """A client of another user is refused, and others are not harmed by it."""
        user = 65_533
        with tempfile.TemporaryDirectory(prefix="riff-grpc-") as folder:
            os.chown(folder, user, user)
            as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
            # The user may not read where the program lies.
            program = shutil.copy(programs.gateway, f"{folder}/riff-grpc")
            gateway = start(*as_user, program, "--socket", f"{folder}/none", "--listen", f"{folder}/s")
            try:
                wait_for(lambda: os.path.exists(f"{folder}/s"), "the socket")
                for _ in range(3):
                    with socket.socket(socket.AF_UNIX) as root:
                        root.settimeout(10)
                        root.connect(f"{folder}/s")
                        self.assertEqual(root.recv(1), b"")
                connect = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(10); " \
                    f"s.connect('{folder}/s'); s.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" \
                    "\\0\\0\\0\\4\\0\\0\\0\\0\\0'); sys.exit(s.recv(9)[3] != 4)"
                self.assertEqual(subprocess.run(
                    [*as_user, "/usr/bin/python3", "-c", connect], timeout=20).returncode, 0)
            finally:
                gateway.terminate()
                self.assertEqual(gateway.wait(20), 0)


class GroupTests(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
    def test_a_group(self):
        """The gateway of one user, for another one's daemon; both shared with a group, which a third user is in."""
        users, group = (65_532, 65_533), 100
        connect = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(10); " \
            "s.connect(sys.argv[1]); s.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" \
            "\\0\\0\\0\\4\\0\\0\\0\\0\\0'); sys.exit(s.recv(9)[3] != 4)"

        def as_user(user, groups):
            return "setpriv", f"--reuid={user}", f"--regid={user}", groups

        with tempfile.TemporaryDirectory(prefix="riff-grpc-") as folder:
            os.chmod(folder, 0o755)
            path, own = f"{folder}/daemon/s", f"{folder}/own"
            os.mkdir(own)
            os.chown(own, users[0], users[0])
            os.chmod(own, 0o755)
            listen = f"{own}/shared/s"
            program = shutil.copy(programs.gateway, f"{folder}/riff-grpc")
            daemon = start(programs.daemon, "--socket", path, "--allow-group", str(group))
            wait_for(lambda: os.path.exists(path), "the daemon")
            for named, is_believed in ((True, True), (False, False)):
                gateway = start(*as_user(users[0], f"--groups={group}"), program, "--listen", listen,
                                "--allow-group", str(group), *(("--socket", path) if named else ()),
                                env={"PATH": os.environ["PATH"]})
                try:
                    wait_for(lambda: os.path.exists(listen), "the socket")
                    wait_for(lambda: os.stat(listen).st_mode & 0o777 == 0o660, "the socket's mode")
                    self.assertEqual(os.stat(f"{own}/shared").st_mode & 0o777, 0o750)
                    self.assertEqual({os.stat(f"{own}/shared").st_gid, os.stat(listen).st_gid}, {group})
                    for groups, gets_in in ((f"--groups={group}", True), ("--clear-groups", False)):
                        asked = subprocess.run(
                            [*as_user(users[1], groups), "/usr/bin/python3", "-c", connect, listen],
                            capture_output=True, timeout=20)
                        self.assertEqual(asked.returncode == 0, gets_in, asked.stderr)
                    # Even where the modes let somebody through, the gateway asks the kernel who it is.
                    os.chmod(f"{own}/shared", 0o755)
                    os.chmod(listen, 0o666)
                    self.assertNotEqual(subprocess.run(
                        [*as_user(users[1], "--clear-groups"), "/usr/bin/python3", "-c", connect, listen],
                        capture_output=True, timeout=20).returncode, 0)
                    os.chmod(f"{own}/shared", 0o750)
                    asked = subprocess.run(
                        ["setpriv", f"--groups={group}", sys.executable, "-c",
                         "import sys, grpc; call = grpc.insecure_channel('unix:' + sys.argv[1]).unary_unary("
                         "'/riff.v1.Riff/Status'); print(len(call(b'', timeout=20)))", listen],
                        capture_output=True, text=True, timeout=40)
                    self.assertEqual(asked.returncode == 0, is_believed, asked.stderr)
                finally:
                    gateway.terminate()
                    self.assertEqual(gateway.wait(20), 0)
            daemon.terminate()
            daemon.wait(20)

    def test_an_unknown_group(self):
        found = subprocess.run([programs.gateway, "--listen", "/tmp/x/y", "--allow-group", "no such"],
                               capture_output=True, text=True, timeout=20)
        self.assertNotEqual(found.returncode, 0)
        self.assertIn("there is no group", found.stderr)


class AbsentDaemonTests(unittest.TestCase):
    def test_unavailable_then_there(self):
        """Without a daemon calls fail as UNAVAILABLE; once it is there they work."""
        with tempfile.TemporaryDirectory(prefix="riff-grpc-") as folder:
            path, listen = f"{folder}/riffd.sock", f"{folder}/grpc.sock"
            gateway = start(programs.gateway, "--socket", path, "--listen", listen)
            daemon = None
            try:
                wait_for(lambda: os.path.exists(listen), "the socket")
                with grpc.insecure_channel(f"unix:{listen}") as channel:
                    stub = riff_pb2_grpc.RiffStub(channel)
                    health = health_pb2_grpc.HealthStub(channel)
                    with self.assertRaises(grpc.RpcError) as raised:
                        stub.Status(riff.StatusRequest(), wait_for_ready=True, timeout=20)
                    self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
                    self.assertEqual(health.Check(health_pb2.HealthCheckRequest()).status,
                                     health_pb2.HealthCheckResponse.NOT_SERVING)
                    watch = health.Watch(health_pb2.HealthCheckRequest())
                    self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
                    daemon = start(programs.daemon, "--socket", path)
                    wait_for(lambda: os.path.exists(path), "the daemon")
                    self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
                    self.assertEqual(stub.Status(riff.StatusRequest()).pid, daemon.pid)
                    daemon.kill()
                    self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
            finally:
                gateway.terminate()
                self.assertEqual(gateway.wait(20), 0)
                if daemon:
                    daemon.kill()
                    daemon.wait(20)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("rest", nargs="*")
    programs = parser.parse_args()
    sys.dont_write_bytecode = True
    unittest.main(argv=[sys.argv[0], "-v"])
