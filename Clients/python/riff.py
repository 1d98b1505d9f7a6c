#!/usr/bin/env python3
"""A client of riffd in one file. What goes over the socket: Protocol/framing.md, riff.proto."""
import argparse, contextlib, os, socket, stat, struct, sys

CODES = ("OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
         "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE "
         "UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED UNKNOWN").split()
STAGES = {1: "queued", 2: "loading", 3: "denoising", 4: "decoding", 5: "sound", 6: "encoding"}
HEADERS, MESSAGE, HALF_CLOSE, STATUS, CANCEL, PING, GO_AWAY, CREDIT = range(1, 9)
LAST = ACK = SHUTDOWN = 1

class RiffError(Exception): """A failed call, as "CODE_NAME: message"."""
def text(data): return data.decode("utf-8", "replace")
def say(line, end="\n"):
    print("\r\33[K" * sys.stderr.isatty() + line, end=end, file=sys.stderr, flush=True)

def varint(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
def field(number, value):  # an int as varint, a float as double, bytes as they are
    if isinstance(value, int): return varint(number << 3) + varint(value % (1 << 64))
    if isinstance(value, float): return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3 | 2) + varint(len(value)) + value
def frame(kind, payload=b"", flags=0, stream=1):
    return struct.pack(">IBBHI", 8 + len(payload), kind, flags, 0, stream) + payload

def fields(data):  # the (number, value) pairs of a message; value: int, float (double) or bytes
    at = 0
    def read_varint():
        nonlocal at
        at += 1
        return data[at - 1] & 127 | (read_varint() << 7 if data[at - 1] > 127 else 0)
    while at < len(data):
        number, wire = divmod(read_varint(), 8)
        value = read_varint() if wire in (0, 2) else {1: 8, 5: 4}[wire]
        if wire != 0: at, value = at + value, data[at:at + value]
        if at > len(data): raise IndexError("a field is cut off")
        yield number, struct.unpack("<d", value)[0] if wire == 1 else value

def call(path, method, request):
    """Makes one call on a connection of its own, yields the responses. Closing it cancels."""
    def send(data):
        with contextlib.suppress(ConnectionError): link.sendall(data)  # read will tell why
    def read(size):
        if len(data := source.read(size)) == size: return data
        raise ConnectionError("the connection was lost")
    try:
        with socket.socket(socket.AF_UNIX) as link, link.makefile("rb") as source:
            link.connect(path)
            send(b"RIFD\0\1\0\0" + frame(HEADERS, field(1, method))
                 + frame(MESSAGE, request, LAST) + frame(HALF_CLOSE))  # below 262,144 bytes
            if read(8)[:6] != b"RIFD\0\1": raise ConnectionError("this is not riffd, version 1")
            message = bytearray()
            while True:
                size, = struct.unpack(">I", read(4))
                if not 8 <= size <= 1 << 20: raise ConnectionError(f"a frame of {size} bytes")
                kind, flags, zero, stream, payload = struct.unpack(f">BBHI{size - 8}s", read(size))
                if zero or 0 < kind < 9 and stream != (kind not in (PING, GO_AWAY)):
                    raise ConnectionError("a malformed frame")
                if kind == MESSAGE:
                    send(frame(CREDIT, field(1, max(1, len(payload)))))
                    message += payload
                    if len(message) > 64 << 20: raise RiffError("RESOURCE_EXHAUSTED: over 64 MiB")
                    if flags == LAST:
                        yield bytes(message)
                        message.clear()
                elif kind == STATUS:
                    status = {1: 0, 2: b""} | dict(fields(payload))
                    if status[1] == 0: return
                    raise RiffError(f"{CODES[min(status[1], 17)]}: {text(status[2])}")
                elif kind == PING and flags != ACK: send(frame(PING, payload, ACK, stream=0))
                elif kind == GO_AWAY:
                    away = {1: 0, 2: 0, 3: b""} | dict(fields(payload))
                    if away[2] != SHUTDOWN or away[1] < 1: raise ConnectionError(text(away[3]))
    except OSError as error: raise RiffError(f"UNAVAILABLE: {path}: {error}") from None

def status(args):
    answer, = call(args.socket, b"riff.v1.Riff/Status", b"")
    found = {1: b"", 2: 0, 3: 0.0} | dict(fields(answer))
    jobs = sum(number == 5 for number, _ in fields(answer))
    print(f"riffd {text(found[1])}, pid {found[2]}, up {found[3]:.0f} s, jobs: {jobs}")

def generate(args):
    options = (3, args.model), (4, args.seed), (5, args.steps), (10, args.duration)
    request = field(1, args.prompt) + b"".join(field(*o) for o in options if o[1] is not None)
    file, part, done = args.file, f"{args.file}.{os.getpid()}.part", None
    if os.path.exists(file) and not os.path.isfile(file): raise OSError(f"{file} is not a file")
    try:
        with open(1 if file == "-" else part, "wb", closefd=file != "-") as output:
            for event in call(args.socket, b"riff.v1.Riff/Generate", request):
                for kind, value in fields(event):
                    if kind == 1 and sys.stderr.isatty():
                        at = {1: 0, 2: 0, 3: 0, 4: 0.0} | dict(fields(value))
                        say(f"{STAGES.get(at[1], '')} {at[2]} of {at[3]}, {at[4]:.1f} s", end="")
                    elif kind == 3: output.write(value), output.flush()
                    elif kind == 4: say("warning: " + text(value))
                    elif kind == 5: done = {1: 0, 2: 0} | dict(fields(value))
        if done is None: raise RiffError("INTERNAL: the job ended without `done`")
        if file != "-": os.replace(part, file)
        say(f"seed {done[1]}, {done[2] / 48000:.2f} s")
    finally:
        say("", end="")
        with contextlib.suppress(FileNotFoundError): os.unlink(part)

def standard_path():  # framing.md, section 1
    folder = os.environ.get("XDG_RUNTIME_DIR")
    with contextlib.suppress(OSError):
        found = os.lstat(folder) if folder else None
        own = found and stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if own and found.st_mode & 0o022 == 0:
            below = "" if found.st_mode & 0o777 == 0o700 else "/riffd"
            return f"{folder}{below}/riffd.sock"
    return f"/tmp/riffd-{os.getuid()}/riffd.sock"

def main():
    parser = argparse.ArgumentParser(description="Asks riffd for music. FILE - is the stdout.")
    parser.add_argument("--socket", default=os.environ.get("RIFF_SOCKET") or standard_path())
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status")
    job = commands.add_parser("generate")
    for name, kind in (("prompt", os.fsencode), ("file", str), ("--seed", int), ("--steps", int),
                       ("--duration", float), ("--model", os.fsencode)):
        job.add_argument(name, type=kind)
    args = parser.parse_args()
    try: status(args) if args.command == "status" else generate(args)
    except RiffError as error: sys.exit(f"riff.py: {error}")
    except OSError as error: sys.exit(f"riff.py: UNKNOWN: {error}")
    except (LookupError, ValueError, RecursionError): sys.exit("riff.py: INTERNAL: a bad message")
    except KeyboardInterrupt: sys.exit(130)

if __name__ == "__main__": main()
