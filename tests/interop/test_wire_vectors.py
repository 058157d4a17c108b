# SPDX-License-Identifier: MIT
"""A second implementation of the wire protocol, written from net/README.md alone.

Decodes every vector of tests/golden/wire.json and compares every field. Shares nothing with the C
code, not even a msgpack library, so that the document and the bytes are held against each other.
"""

import json
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden", "wire.json")
README = os.path.join(HERE, "..", "..", "net", "README.md")


class Broken(Exception):
    pass


# ---- msgpack, as much of it as the protocol uses


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0
        self.values = 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Broken("cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "big", signed=signed)

    def value(self, depth=0):
        self.values += 1
        if self.values > 1024 or depth > 8:
            raise Broken("beyond the bounds")
        first = self.number(1)
        if first <= 0x7F:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first in (0xC2, 0xC3):
            return first == 0xC3
        if 0xCC <= first <= 0xCF:
            return self.number(1 << (first - 0xCC))
        if 0xD0 <= first <= 0xD3:
            return self.number(1 << (first - 0xD0), signed=True)
        if 0xA0 <= first <= 0xBF:
            return self.take(first & 0x1F).decode("utf-8")
        if 0xD9 <= first <= 0xDB:
            return self.take(self.number(1 << (first - 0xD9))).decode("utf-8")
        if 0xC4 <= first <= 0xC6:
            return bytes(self.take(self.number(1 << (first - 0xC4))))
        if 0x90 <= first <= 0x9F:
            return self.array(first & 0x0F, depth)
        if first in (0xDC, 0xDD):
            return self.array(self.number(2 if first == 0xDC else 4), depth)
        raise Broken("type 0x%02x is not used" % first)

    def array(self, count, depth):
        if count > len(self.data) - self.at:
            raise Broken("more elements than bytes")
        return [self.value(depth + 1) for _ in range(count)]


# ---- fields: (name, type) in order; a type checks a value and says how it stands in the vectors


def u32(low=0, high=0xFFFFFFFF):
    def check(value):
        if type(value) is not int or not low <= value <= high:
            raise Broken("not an integer %d..%d: %r" % (low, high, value))
        return value

    return check


def i32(value):
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise Broken("not an i32: %r" % (value,))
    return value


def boolean(value):
    if type(value) is not bool:
        raise Broken("not a bool: %r" % (value,))
    return value


def text(high):
    def check(value):
        if type(value) is not str or len(value.encode("utf-8")) > high:
            raise Broken("not a str of 0..%d: %r" % (high, value))
        return value

    return check


def binary(low, high):
    def check(value):
        if type(value) is not bytes or not low <= len(value) <= high:
            raise Broken("not a bin of %d..%d: %r" % (low, high, value))
        return value.hex()

    return check


def array_of(check_element):
    def check(value):
        if type(value) is not list or len(value) > 64:
            raise Broken("not an array of 0..64: %r" % (value,))
        return [check_element(element) for element in value]

    return check


def group(fields):
    def check(value):
        if type(value) is not list or len(value) != len(fields):
            raise Broken("not %d fields: %r" % (len(fields), value))
        return {name: kind(each) for (name, kind), each in zip(fields, value)}

    return check


PLAYER = [
    ("slot", u32(0, 63)),
    ("connected", boolean),
    ("name", text(64)),
    ("spectator", boolean),
    ("kart", u32(0, 255)),
]
MESSAGES = {
    1: ("hello", 512, [("version", u32()), ("token", binary(1, 512)), ("session", text(64)), ("client", text(64))]),
    2: ("input", 1200, [("ack_tick", u32()), ("first_tick", u32()), ("inputs", binary(0, 1024))]),
    3: ("ping", 32, [("stamp", u32())]),
    4: ("bye", 16, []),
    64: (
        "welcome",
        512,
        [
            ("version", u32()),
            ("session_name", text(64)),
            ("session_id", text(36)),
            ("slot", u32(0, 63)),
            ("slots", u32(1, 64)),
            ("tick_rate", u32(1, 255)),
            ("snapshot_rate", u32(1, 255)),
            ("tick", u32()),
            ("game", text(64)),
            ("input_bytes", u32(1, 16)),
            ("entity_values", u32(1, 2048)),
            ("resumed", boolean),
        ],
    ),
    65: (
        "roster",
        8192,
        [("players", array_of(group(PLAYER)))],
    ),
    66: (
        "phase",
        5120,
        [
            ("phase", u32(0, 3)),
            ("tick", u32()),
            ("ends_tick", u32()),
            ("race_id", text(36)),
            ("map", text(64)),
            ("map_data", binary(0, 4096)),
            ("entity_of_slot", array_of(u32(0, 255))),
        ],
    ),
    67: (
        "snapshot",
        16384,
        [
            ("tick", u32()),
            ("baseline_tick", u32()),
            ("checksum", u32()),
            ("entities", u32(0, 64)),
            ("delta", binary(0, 16352)),
        ],
    ),
    68: ("timing", 64, [("tick", u32()), ("margin_ms", i32), ("late", u32())]),
    69: (
        "result",
        8192,
        [
            ("race_id", text(36)),
            ("final", boolean),
            (
                "standings",
                array_of(
                    group([("slot", u32(0, 63)), ("place", u32(0, 64)), ("time_ms", u32()), ("reason", text(32))])
                ),
            ),
        ],
    ),
    70: ("pong", 64, [("stamp", u32()), ("tick", u32())]),
    71: ("closing", 192, [("code", u32(1000, 4999)), ("reason", text(123))]),
}


def decode(data):
    reader = Reader(data)
    message = reader.value()
    if reader.at != len(data):
        raise Broken("bytes left over")
    if type(message) is not list or not message or message[0] not in MESSAGES:
        raise Broken("no message")
    name, limit, fields = MESSAGES[message[0]]
    if len(data) > limit:
        raise Broken("longer than a %s may be" % name)
    return name, group(fields)(message[1:])


# ---- snapshots


def take_varint(delta, at):
    number = 0
    for i in range(5):
        if at >= len(delta):
            raise Broken("varint cut short")
        number |= (delta[at] & 0x7F) << (7 * i)
        at += 1
        if not delta[at - 1] & 0x80:
            if number > 0xFFFFFFFF:
                raise Broken("varint over 32 bits")
            return number, at
    raise Broken("varint too long")


def to_signed(number):
    number &= 0xFFFFFFFF
    return number - 2**32 if number >= 2**31 else number


def apply_delta(delta, baseline, entities, per_entity):
    values = list(baseline)
    mask_bytes = (per_entity + 7) // 8
    at = 0
    entity = 0
    while at < len(delta):
        if entity == entities or at + mask_bytes > len(delta):
            raise Broken("bytes left over, or a mask cut short")
        mask = int.from_bytes(delta[at : at + mask_bytes], "little")
        at += mask_bytes
        if mask >> per_entity:
            raise Broken("bits beyond the last value")
        for i in range(per_entity):
            if mask >> i & 1:
                zigzag, at = take_varint(delta, at)
                difference = zigzag >> 1 if zigzag % 2 == 0 else -((zigzag + 1) >> 1)
                where = entity * per_entity + i
                values[where] = to_signed(values[where] + difference)
        entity += 1
    return values


def checksum(values):
    h = 2166136261
    for value in values:
        for byte in struct.pack("<i", value):
            h = (h ^ byte) * 16777619 % 2**32
    return h


# ---- the comparison


def check_snapshot(vector, fields):
    per_entity = vector["entity_values"]
    if fields["baseline_tick"] == 0 and any(vector["baseline"]):
        raise Broken("a full snapshot has no baseline")
    values = apply_delta(bytes.fromhex(fields["delta"]), vector["baseline"], fields["entities"], per_entity)
    if values != vector["values"]:
        raise Broken("values are %r" % values)
    if checksum(values) != fields["checksum"]:
        raise Broken("checksum is %d" % checksum(values))


def check(vector):
    data = bytes.fromhex(vector["hex"])
    name, fields = decode(data)
    if name != vector["message"]:
        raise Broken("it is a %s" % name)
    if name == "snapshot":
        check_snapshot(vector, fields)
        for made in ("checksum", "delta"):
            del fields[made]
    if fields != vector["fields"]:
        raise Broken("fields are %r" % fields)
    for size in range(len(data)):  # no part of a message is a message
        try:
            decode(data[:size])
        except (Broken, UnicodeDecodeError):
            continue
        raise Broken("%d bytes of it are enough" % size)


def example_bytes():
    """The worked example of the document: the hex column of the lines under **Example**."""
    with open(README, encoding="utf-8") as file:
        section = file.read().split("**Example**")[1].split("##")[0]
    columns = re.findall(r"^ {4,}((?:[0-9a-f]{2})+(?: (?:[0-9a-f]{2})+)*) {2,}\D", section, re.MULTILINE)
    return "".join(columns).replace(" ", "")


def main():
    with open(GOLDEN, encoding="utf-8") as file:
        golden = json.load(file)
    failures = 0
    seen = set()
    for vector in golden["vectors"]:
        try:
            check(vector)
            seen.add(vector["message"])
        except (Broken, UnicodeDecodeError) as why:
            print("%s: %s" % (vector["name"], why))
            failures += 1
    for name, _, _ in MESSAGES.values():
        if name not in seen:
            print("no vector of %s" % name)
            failures += 1
    if example_bytes() not in [vector["hex"] for vector in golden["vectors"]]:
        print("the example of net/README.md is none of the vectors: %s" % example_bytes())
        failures += 1
    print("%d vectors, %d failures" % (len(golden["vectors"]), failures))
    return failures > 0 or golden["protocol"] != 1


if __name__ == "__main__":
    sys.exit(main())
