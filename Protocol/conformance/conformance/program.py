"""The command line."""

import argparse
import signal
import sys
import time

from . import client, server, suite, vectors


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="riff-conform", description="Holds servers and clients against framing.md.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--only", default="", metavar="PATTERN",
                             help="run the cases whose name matches this regular expression")
        command.add_argument("--known", metavar="FILE",
                             help="known failures, a line each: `name: reason`")
        command.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML")
        command.add_argument("--list", action="store_true", help="list the cases and run none")
        command.add_argument("-v", "--verbose", action="store_true", help="also say what passed")
        return command

    one = add("server", "Tries the server that listens on a socket.")
    one.add_argument("socket", metavar="PATH")
    one.add_argument("--streams", type=int, default=128, help="streams at once (default 128)")
    one.add_argument("--connections", type=int, default=64, help="connections at once (default 64)")
    one.add_argument("--input", type=int, default=64, metavar="MIB",
                     help="limit of all requests held, in MiB (default 64)")
    one.add_argument("--terminate", type=int, metavar="PID",
                     help="the server's process, for the case that ends it with SIGTERM")
    one.add_argument("--within", type=float, metavar="SECONDS",
                     help="wait no longer than this for what must come (default 5 to 20, by case)")
    two = add("client", "Serves right and hostile answers to a client's commands.")
    two.add_argument("--unary", metavar="COMMAND",
                     help="a shell command that calls riff.v1.Riff/Status once")
    two.add_argument("--stream", metavar="COMMAND",
                     help="a shell command that calls riff.v1.Riff/Generate once, Ogg Opus")
    two.add_argument("--upload", metavar="COMMAND",
                     help="a shell command that uploads more than 1 MB to riff.v1.Riff/Analyze")
    two.add_argument("--within", type=float, default=20,
                     help="seconds that a command may take (default 20)")
    add("vectors", "Holds this program itself against framing.md's examples.")
    arguments = parser.parse_args()

    chosen = {"server": server, "client": client, "vectors": vectors}[arguments.command].suite
    if arguments.list:
        for case in chosen.cases:
            print(f"{case.name} (section {case.sections}): {case.promise}")
        return 0
    if arguments.command == "server":
        target = (server.Target(arguments.socket, arguments.streams, arguments.connections, arguments.input,
                                arguments.terminate, arguments.within),)
    elif arguments.command == "client":
        target = (client.Target(arguments.unary, arguments.stream, arguments.upload,
                                arguments.within),)
    else:
        target = ()
    known = suite.known_failures(arguments.known)
    # As Ctrl-C: what was found so far is reported, and written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    results = chosen.run(arguments.only, known, arguments.verbose, *target)
    status = suite.report(arguments.command, results, time.monotonic() - begun, arguments.junit)
    if chosen.was_interrupted:
        print("interrupted", file=sys.stderr)
        return 130
    return status
