"""framing.md's own examples, taken apart and put together again: the program against itself."""

import json
import re
import struct
from pathlib import Path

from . import wire
from .suite import Suite
from .wire import Broken

suite = Suite()


def load() -> list[dict]:
    return json.loads((Path(__file__).parent / "vectors.json").read_text())["vectors"]


def value(text: str):
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text


def payload(vector: dict) -> bytes:
    kind = vector["type"]
    entries = [(key, value(text)) for key, text in vector.get("metadata", [])]
    if kind == wire.HEADERS:
        return wire.headers(vector["method"], *entries)
    if kind == wire.MESSAGE:
        return bytes.fromhex(vector["message"])
    if kind == wire.STATUS:
        return wire.status(vector["code"], vector["text"], *entries)
    if kind == wire.CANCEL:
        return wire.field(1, vector["code"])
    if kind == wire.PING:
        return b"\x09" + struct.pack("<Q", vector["data"])
    if kind == wire.GO_AWAY:
        return wire.go_away(vector["reason"], vector["text"], vector["last_stream"])
    if kind == wire.CREDIT:
        return wire.field(1, vector["bytes"])
    return b""


def check(vector: dict):
    data = bytes.fromhex(vector["hex"])
    if "type" not in vector:
        if data != wire.PREFACE:
            raise Broken(f"the preface is {wire.PREFACE.hex(' ')}")
        return
    made = wire.frame(vector["type"], vector["stream"], payload(vector), flags=vector["flags"])
    if made != data:
        raise Broken(f"made\n{made.hex(' ')}\nnot\n{data.hex(' ')}")
    found = wire.parse(data[:12], data[12:], vector["from"])
    if (found.type, found.stream, found.flags) != (
            vector["type"], vector["stream"], vector["flags"]):
        raise Broken(f"read {found}")


for vector in load():
    suite.case("12." + vector["name"], "12", "the example's bytes are made and read")(
        lambda vector=vector: check(vector))


@suite.case("12.text", "12", "every byte of the examples stands in framing.md, in this order")
def text():
    specification = Path(__file__).parents[2] / "framing.md"
    section = specification.read_text().partition("## 12.")[2].partition("## 13.")[0]
    words = []
    for line in section.splitlines():
        for column in re.split(r"\s{2,}", line):
            if re.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})*", column):
                words += column.split()
    said = "".join(words)
    at = 0
    for vector in load():
        hexadecimal = vector["hex"].replace(" ", "")
        found = said.find(hexadecimal, 0 if vector["name"] == "preface" else at)
        if found < 0:
            raise Broken(f"{vector['name']} is not in section 12")
        at = found if vector["name"] != "preface" else at
