#!/usr/bin/env python3
"""Holds a riffd to what it promises about clients that leave: soak.py RIFFD [--uploads N] [--writers N]

Starts the daemon, sends uploads of 8 MiB (Analyze, 128 KiB a message, its credit obeyed) and closes each at
a random point; then opens more connections with calls than it takes, and from further clients that write
all the time expects that each reads why it is refused. Memory must be back within 10 MiB of the start, and
SIGTERM must end the daemon within a second.
"""
import argparse, concurrent.futures, os, random, signal, socket, struct, subprocess, sys, tempfile, time

HEADERS, MESSAGE, HALF_CLOSE, STATUS, CANCEL, PING, GO_AWAY, CREDIT = range(1, 9)
PREFACE = b"RIFD\0\1\0\0"


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def frame(kind, payload=b"", flags=0, stream=1):
    return struct.pack(">IBBHI", 8 + len(payload), kind, flags, 0, stream) + payload


def headers(method, stream=1):
    name = b"riff.v1.Riff/" + method
    return frame(HEADERS, b"\x0a" + varint(len(name)) + name, stream=stream)


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_frame(link):
    head = b""
    while len(head) < 4:
        part = link.recv(4 - len(head))
        if not part:
            return None
        head += part
    size, rest = struct.unpack(">I", head)[0], b""
    while len(rest) < size:
        part = link.recv(size - len(rest))
        if not part:
            return None
        rest += part
    return rest[0], rest[8:]


def read_varint(data, at=1):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 127) << shift
        if data[at] < 128:
            return value
        at, shift = at + 1, shift + 7


def connect(path):
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    link.sendall(PREFACE)
    received = 0
    while received < 8:
        received += len(link.recv(8 - received))
    return link


def upload(path, seed):
    """One upload that ends, by close, after a random number of bytes; true if the server ended it first."""
    chance = random.Random(seed)
    limit = chance.choice([chance.randrange(0, 8 << 20), 8 << 20])
    with connect(path) as link:
        link.sendall(headers(b"Analyze") + frame(MESSAGE, field(1, b""), 1))
        credit, sent = 262_144, 0
        while sent < limit:
            body = field(2, chance.randbytes(min(128 << 10, (8 << 20) - sent)))
            while credit < len(body):
                got = read_frame(link)
                if got is None or got[0] == STATUS:
                    return True
                if got[0] == CREDIT:
                    credit += read_varint(got[1])
            data = frame(MESSAGE, body, 1)
            if sent + len(body) > limit and chance.random() < 0.5:
                link.sendall(data[: chance.randrange(1, len(data))])  # in the middle of a frame
                return False
            link.sendall(data)
            credit, sent = credit - len(body), sent + len(body)
    return False


def writer(path):
    """Writes until it is done, then reads; the reason of GO_AWAY, 0 if there was none."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        try:
            link.sendall(PREFACE + headers(b"Analyze"))
            for _ in range(32):
                link.sendall(frame(MESSAGE, bytes(65_536), 0))
        except OSError as error:
            return f"{type(error).__name__} instead of a reason"
        received = 0
        while received < 8 and (part := link.recv(8 - received)):
            received += len(part)
        while got := read_frame(link):
            if got[0] == GO_AWAY:
                at = 2 if got[1][0] == 8 else 0
                return got[1][at + 1]
    return 0


def memory(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("riffd")
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--end", type=float, default=1, help="seconds that the end may take")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/s"
        daemon = subprocess.Popen([args.riffd, "--socket", path], stderr=subprocess.DEVNULL)
        try:
            for _ in range(1000):
                try:
                    upload(path, -1)  # the first one has costs of its own
                    break
                except OSError:
                    time.sleep(0.02)
            time.sleep(2)
            start = memory(daemon.pid)
            began = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(args.at_once) as pool:
                ended = sum(pool.map(lambda seed: upload(path, seed), range(args.uploads)))
            took, most = time.monotonic() - began, memory(daemon.pid)
            time.sleep(2)
            for _ in range(200):  # on a busy machine the daemon may get to it late
                if (end := memory(daemon.pid)) <= start + 10:
                    break
                time.sleep(0.1)
            print(
                f"{args.uploads} uploads in {took:.0f} s ({ended} ended by the server): "
                f"{start:.1f} MiB before, {most:.1f} at the end, {end:.1f} afterwards"
            )
            busy = []
            for _ in range(64):
                link = connect(path)
                link.sendall(headers(b"Analyze"))
                busy.append(link)
            time.sleep(1)
            with concurrent.futures.ThreadPoolExecutor(args.writers) as pool:
                reasons = list(pool.map(lambda _: writer(path), range(args.writers)))
            good = reasons.count(6)
            print(f"{good} of {args.writers} writing clients beyond the limit read why", end="")
            print("" if good == args.writers else f"; the others: {[r for r in reasons if r != 6][:5]}")
            for link in busy:
                link.close()
            time.sleep(1)
            began = time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            status = daemon.wait(60)
            took = time.monotonic() - began
            print(f"SIGTERM: ended after {took:.2f} s with status {status}")
            fine = end <= start + 10 and good == args.writers and took < args.end and status == 0
            sys.exit(0 if fine else 1)
        finally:
            daemon.kill()


if __name__ == "__main__":
    main()
