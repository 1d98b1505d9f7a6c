"""What the machine does to a daemon: no descriptors, a full disk, a model that is gone."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import calls
from .stand import PATIENCE, Broken, Client, Daemon, Figures, Run, samples, wire


def call(client: Client, method: str, messages: list[bytes], within: float = 120):
    stream = client.open(method)
    for message in messages:
        client.message(stream, message)
    if not client.streams[stream].ended:
        client.half_close(stream)
    return client.finish(stream, within)


def warm(run: Run, daemon: Daemon) -> Figures:
    """The figures after every kind of call: the first of each has costs of its own."""
    with Client(daemon.socket) as client:
        for kind in calls.KINDS * 2:
            state = call(client, *calls.any_call(run.chance, kind))
            run.expect(state.code == 0, f"{kind}: ended as {wire.CODES[state.code]}: {state.text}")
    return daemon.settle()


def serves(run: Run, daemon: Daemon, where: str):
    """It still works: a whole job, within some time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with Client(daemon.socket) as client:
                state = call(client, samples.ANALYZE, samples.analyze(0.5))
            if state.code == 0:
                return
            reason = f"{wire.CODES[state.code]}: {state.text}"
        except (Broken, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
        if not daemon.is_alive or time.monotonic() > deadline:
            return run.find(f"{where}: it does not work afterwards: {reason} {daemon.tail()}")
        time.sleep(0.2)


def descriptors(run: Run) -> str:
    """No descriptors left: calls end in a status, clients wait or are told, and afterwards all is well."""
    refused = waiting = told = 0
    with Daemon(run, "--max-connections", "1100", name="emfile") as daemon:
        start = warm(run, daemon)
        daemon_limit = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (start.descriptors + 12, daemon_limit[1]))
        clients, raw = [], []
        for _ in range(40):
            try:
                client = Client(daemon.socket, preface=b"")
                clients.append(client)
                client.send(wire.PREFACE)
                client.preface(within=2)
                state = call(clients[-1], *calls.any_call(run.chance))
                run.ended(state.code)
                refused += state.code == calls.RESOURCE_EXHAUSTED
                run.expect(state.code in (0, calls.RESOURCE_EXHAUSTED),
                           f"EMFILE: a call ends as {wire.CODES[state.code]}: {state.text}")
            except Broken:
                told += bool(clients[-1].away)
                waiting += not clients[-1].away
                if waiting or told == 3:
                    break
            run.jobs += 1
        run.expect(told + waiting > 0, "EMFILE: descriptors did not end")
        for client in clients:
            client.close()
        serves(run, daemon, "EMFILE")
        if daemon.is_alive:
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, daemon_limit)
        daemon.check(start, "EMFILE")
    # A limit that is too low from the beginning: there is room for fewer connections, and whoever has none is told.
    with Daemon(run, "--max-connections", "1100", name="few", descriptors=64) as daemon:
        run.expect("descriptors" in daemon.tail(), "a low limit: the log does not say so")
        start = warm(run, daemon)
        clients = []
        for _ in range(100):
            clients.append(Client(daemon.socket, preface=b""))
            # Some are told to go before they have said a word.
            with contextlib.suppress(OSError):
                clients[-1].send(wire.PREFACE)
            clients[-1].preface(PATIENCE)
        sent = there = 0
        for client in clients:
            try:
                # The write may fail; what there is to read says why.
                with contextlib.suppress(OSError):
                    client.frame(wire.PING)
                while not client.pongs:
                    client.pump(PATIENCE)
                there += 1
            except Broken:
                sent += bool(client.away)
            client.close()
        run.expect(sent + there == len(clients), "a low limit: a connection ended without a word")
        run.expect(0 < there <= 32, f"a low limit: {there} connections are there")
        serves(run, daemon, "a low limit")
        daemon.check(start, "a low limit")
    return (f"no descriptors: {refused} calls refused, {told} clients told to go, {waiting} waited; with 64 in all, {there} "
            f"of 100 clients stayed and {sent} were told to go")


def disk(run: Run) -> str:
    """A full disk, in a mount namespace of its own; the words why not, where that cannot be made."""
    script = [sys.executable, str(Path(__file__).parents[1] / "full_disk.py"), os.path.dirname(run.riffd)]
    memory = [] if Figures.with_memory else ["--without-memory"]
    for private in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        folder = f"{run.folder}/disk"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        test = subprocess.run([*private, "mount", "-t", "tmpfs", "none", folder], capture_output=True)
        if test.returncode == 0:
            result = subprocess.run([*private, *script, folder, str(run.chance.getrandbits(32)), *memory],
                                    stdout=subprocess.PIPE, text=True)
            lines = result.stdout.splitlines()
            for line in lines[:-1]:
                run.find(line.removeprefix("FOUND "))
            run.expect(result.returncode == 0 and bool(lines), f"a full disk: status {result.returncode}")
            return lines[-1] if lines else "a full disk"
    return f"a full disk: skipped, since a small one cannot be mounted here: {test.stderr.decode().strip()}"


def fill_disk(run: Run, daemon: Daemon, folder: str, endings: dict[str, int]):
    """Uploads, a remix and a client's file that are too large for it."""
    for _ in range(3):
        with Client(daemon.socket) as client:
            state = call(client, samples.ANALYZE, [wire.field(1, b"")] + [wire.field(2, bytes(64 << 10))] * 128)
        ending = wire.CODES[state.code]
        endings[ending] = endings.get(ending, 0) + 1
        run.expect(state.code == calls.RESOURCE_EXHAUSTED and "No space" in state.text,
                   f"a full disk: an upload ends as {ending}: {state.text}")
        serves(run, daemon, "a full disk")
    # The sound of a remix is kept there, too.
    clip = samples.wav(20)
    request = wire.field(1, "bells") + wire.field(5, 1) + wire.field(14, samples.DRAFT)
    options = wire.field(1, request) + wire.field(2, 0.5) + wire.field(5, b"")
    with Client(daemon.socket) as client:
        state = call(client, calls.REMIX, [wire.field(1, options), *(
            wire.field(2, clip[at:at + (64 << 10)]) for at in range(0, len(clip), 64 << 10))])
    run.expect(state.code in (0, calls.RESOURCE_EXHAUSTED),
               f"a full disk: a remix ends as {wire.CODES[state.code]}: {state.text}")
    # What a client keeps there: whole or not at all.
    Path(f"{folder}/kept.wav").write_bytes(b"kept")
    made = subprocess.run(
        [run.riff, "--socket", daemon.socket, "generate", "bells", "--duration", "40", "--steps", "1", "--quality",
         "draft", "--no-play", "-o", f"{folder}/kept.wav"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    run.expect(made.returncode == 1 and "No space" in made.stderr,
               f"a full disk: riff ends with {made.returncode}: {made.stderr[-300:]}")
    run.expect(Path(f"{folder}/kept.wav").read_bytes() == b"kept", "a full disk: riff spoiled a file")
    run.expect(os.listdir(folder) == ["kept.wav"], f"a full disk: {os.listdir(folder)} are left")


def full_disk(run: Run, folder: str) -> str:
    """To be called where `folder` may be mounted on."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder], check=True)
    endings: dict[str, int] = {}
    with Daemon(run, name="daemon", environment={"TMPDIR": folder}) as daemon:
        warm(run, daemon)
        fill_disk(run, daemon, folder, endings)
        start = daemon.settle()
        fill_disk(run, daemon, folder, endings)
        daemon.check(start, "a full disk")
    # Its own log, too.
    fill = os.open(f"{folder}/fill", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(fill, bytes(4096)):
            pass
    os.close(fill)
    with Daemon(run, name="daemon", prefix=("sh", "-c", f'exec "$0" "$@" 2>{folder}/kept.wav')) as daemon:
        serves(run, daemon, "a full disk for the log")
        status, _ = daemon.end()
        run.expect(status == 0, f"a full disk for the log: SIGTERM ends with {status}")
    words = ", ".join(f"{count} {name}" for name, count in endings.items())
    return f"a disk of 3 MiB: uploads of 8 MiB ended as {words}; smaller ones went on"


def model(run: Run) -> str:
    """A model's folder that vanishes, under work and between, and comes back."""
    source = Path(__file__).parents[3] / "Models" / "riff-mini"
    folder, away = f"{run.folder}/model", f"{run.folder}/away"
    shutil.copytree(source, folder)
    job = [calls.generate(run.chance, calls.OPUS, seconds=5.12, steps=8)]
    endings = []

    def note(state, where: str, *allowed: int):
        endings.append(wire.CODES[state.code])
        run.ended(state.code)
        run.jobs += 1
        run.expect(state.code in allowed, f"{where}: ended as {wire.CODES[state.code]}: {state.text}")

    with Daemon(run, "--no-bundled-models", "--model", f"mini={folder}", name="vanish") as daemon:
        with Client(daemon.socket) as client:
            # Gone in the middle of the first job, which reads the weights as it needs them.
            stream = client.open(calls.GENERATE)
            client.message(stream, job[0])
            client.half_close(stream)
            client.pump(PATIENCE)
            os.rename(folder, away)
            note(client.finish(stream, PATIENCE), "a model gone under work", 0, 9, 15)
            note(call(client, calls.GENERATE, job), "a model gone, still open", 0, 9, 15)
            call(client, "riff.v1.Riff/UnloadModel", [b""])
            note(call(client, calls.GENERATE, job), "a model gone and unloaded", 0, 5, 9, 15)
            serves(run, daemon, "a model gone")
            os.rename(away, folder)
            note(call(client, calls.GENERATE, job), "a model come back", 0)
        start = warm(run, daemon)
        shutil.rmtree(folder)
        with Client(daemon.socket) as client:
            for _ in range(4):
                note(call(client, calls.GENERATE, job), "a model deleted", 0, 5, 9, 15)
        daemon.check(start, "a model deleted")
        run.expect(daemon.end()[0] == 0, "a model deleted: SIGTERM")
    # A daemon that starts without it says so, and serves the rest; the model may come later.
    with Daemon(run, "--no-bundled-models", "--model", f"mini={folder}", name="vanish") as daemon:
        with Client(daemon.socket) as client:
            note(call(client, calls.GENERATE, job), "a model missing at the start", 5, 9)
            serves(run, daemon, "a model missing at the start")
            shutil.copytree(source, folder)
            note(call(client, calls.GENERATE, job), "a model that came later", 0)
    shutil.rmtree(folder)
    return "a model's folder vanishes under work and comes back: " + ", ".join(endings)
