# SPDX-License-Identifier: MIT
"""A complete client in another language, written from net/README.md alone; the race from game/README.md.

An example for authors of clients, small enough to read in one go: msgpack and framing by hand, the clock,
inputs, snapshots, and a driver for the race. asyncio and the standard library; python3-websockets for ws://
and wss://. It speaks no udp://, for which Python has no ENet.
"""

import asyncio
import math
import ssl
import struct
import time

HELLO, INPUT, PING, BYE = 1, 2, 3, 4
WELCOME, ROSTER, PHASE, SNAPSHOT, TIMING, RESULT, PONG, CLOSING = range(64, 72)
LOBBY, COUNTDOWN, RACING, FINISHED = range(4)

MESSAGE_BYTES_MAX = 16384
WINDOW_TICKS = 64
SNAPSHOTS_KEPT = 32


class Closed(Exception):
    """The connection is over; code is None when the server did not say why."""

    def __init__(self, code=None, reason=""):
        super().__init__(f"closed {code} {reason}")
        self.code = code
        self.reason = reason


# ---- msgpack, as much of it as the protocol uses

INTEGERS = ((0xcc, "B", 0, 1 << 8), (0xcd, "H", 0, 1 << 16), (0xce, "I", 0, 1 << 32), (0xcf, "Q", 0, 1 << 64),
            (0xd0, "b", -1 << 7, 0), (0xd1, "h", -1 << 15, 0), (0xd2, "i", -1 << 31, 0), (0xd3, "q", -1 << 63, 0))


def with_length(content, short, few, *longer):
    """The shortest head: one byte `short` + length if that is below `few`, else one of `longer` and its bytes."""
    length = len(content)
    if length < few:
        return bytes([short + length])
    return next(struct.pack(f">B{form}", first, length) for first, form, limit in longer if length < limit)


def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if -32 <= value < 128:
            return struct.pack("B", value & 255)
        return next(struct.pack(f">B{form}", first, value) for first, form, low, high in INTEGERS
                    if low <= value < high)
    if isinstance(value, bytes):
        return with_length(value, 0, 0, (0xc4, "B", 1 << 8), (0xc5, "H", 1 << 16)) + value
    if isinstance(value, str):
        text = value.encode()
        return with_length(text, 0xa0, 32, (0xd9, "B", 1 << 8), (0xda, "H", 1 << 16)) + text
    if isinstance(value, (list, tuple)):
        return with_length(value, 0x90, 16, (0xdc, "H", 1 << 16)) + b"".join(pack(item) for item in value)
    raise TypeError(f"no msgpack for {value!r}")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("truncated msgpack")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self):
        kind = self.take(1)[0]
        if kind < 0x80:
            return kind
        if kind >= 0xe0:
            return kind - 256
        if 0x90 <= kind < 0xa0:
            return [self.value() for _ in range(kind & 15)]
        if 0xa0 <= kind < 0xc0:
            return self.take(kind & 31).decode()
        plain = {0xc0: None, 0xc2: False, 0xc3: True}
        if kind in plain:
            return plain[kind]
        integers = {0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
        if kind in integers:
            return self.number(integers[kind])
        lengths = {0xc4: ">B", 0xc5: ">H", 0xc6: ">I", 0xd9: ">B", 0xda: ">H", 0xdb: ">I", 0xdc: ">H", 0xdd: ">I"}
        if kind not in lengths:
            raise ValueError(f"msgpack type {kind:#x} is not used")
        length = self.number(lengths[kind])
        if kind in (0xdc, 0xdd):
            return [self.value() for _ in range(length)]
        data = self.take(length)
        return data if kind in (0xc4, 0xc5, 0xc6) else data.decode()


def unpack(data):
    reader = Reader(data)
    value = reader.value()
    if reader.at != len(data):
        raise ValueError("trailing bytes")
    return value


# ---- transports: one message in, one message out

def trust_anybody():
    """For the self-signed certificate of --dev; a real client leaves ssl.create_default_context() as it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class StreamLink:
    """tcp:// and tls://: four bytes of length in front of each message, `closing` as the last one."""

    @classmethod
    async def open(cls, url):
        scheme, _, where = url.partition("://")
        host, _, port = where.rpartition(":")
        link = cls()
        link.reader, link.writer = await asyncio.open_connection(
            host.strip("[]"), int(port), ssl=trust_anybody() if scheme == "tls" else None)
        return link

    async def send(self, data):
        self.writer.write(struct.pack(">I", len(data)) + data)
        await self.writer.drain()

    async def receive(self):
        try:
            length, = struct.unpack(">I", await self.reader.readexactly(4))
            if not 0 < length <= MESSAGE_BYTES_MAX:
                raise Closed(1002, f"a frame of {length} bytes")
            data = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Closed() from error
        message = unpack(data)
        if message[0] == CLOSING:
            raise Closed(message[1], message[2])
        return message

    async def close(self, code=1000):
        try:
            await self.send(pack([CLOSING, code, ""]))
        except ConnectionError:
            pass
        self.drop()

    def drop(self):
        self.writer.transport.abort()


class WebSocketLink:
    """ws:// and wss://: one binary message each; the library answers pings and knows the close code."""

    @classmethod
    async def open(cls, url):
        import websockets # not in the standard library: only those who want it need it
        link = cls()
        link.gone = websockets.ConnectionClosed
        link.socket = await websockets.connect(url, subprotocols=["paddock.v1"], compression=None,
                                               ssl=trust_anybody() if url.startswith("wss:") else None)
        return link

    async def send(self, data):
        try:
            await self.socket.send(data)
        except self.gone as error:
            raise Closed(self.socket.close_code, self.socket.close_reason) from error

    async def receive(self):
        try:
            return unpack(await self.socket.recv())
        except self.gone as error:
            raise Closed(self.socket.close_code, self.socket.close_reason) from error

    async def close(self, code=1000):
        await self.socket.close(code)

    def drop(self):
        self.socket.transport.abort()


async def open_link(url):
    return await (WebSocketLink if url.startswith("ws") else StreamLink).open(url)


# ---- snapshots

def checksum(values):
    h = 2166136261
    for byte in struct.pack(f"<{len(values)}i", *values):
        h = (h ^ byte) * 16777619 & 0xffffffff
    return h


def take_varint(data, at):
    number = 0
    for shift in range(0, 35, 7):
        number |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return number & 0xffffffff, at
    raise ValueError("a varint has at most 5 bytes")


def apply_delta(baseline, per_entity, delta):
    """The values after `delta`; ValueError or IndexError when it is broken."""
    values, at = list(baseline), 0
    mask_bytes = (per_entity + 7) // 8
    for first in range(0, len(values), per_entity):
        if at == len(delta):
            break
        mask = int.from_bytes(delta[at:at + mask_bytes], "little")
        at += mask_bytes
        for index in range(per_entity):
            if mask >> index & 1:
                zigzag, at = take_varint(delta, at)
                value = values[first + index] + ((zigzag >> 1) ^ -(zigzag & 1)) & 0xffffffff
                values[first + index] = value - (1 << 32) if value >> 31 else value
    if at != len(delta):
        raise ValueError("bytes left over")
    return values


class Snapshots:
    def __init__(self, per_entity):
        self.per_entity = per_entity
        self.forget()

    def forget(self):
        self.kept = {}
        self.newest = 0 # tick; this is what the client acknowledges

    def apply(self, tick, baseline_tick, expected, entities, delta):
        """The new values; None for a snapshot that is old or whose baseline is not here."""
        if tick <= self.newest or (baseline_tick and baseline_tick not in self.kept):
            return None
        baseline = self.kept[baseline_tick] if baseline_tick else [0] * (entities * self.per_entity)
        values = apply_delta(baseline, self.per_entity, delta)
        if checksum(values) != expected:
            raise ValueError(f"wrong checksum of snapshot {tick}")
        self.kept[tick] = values
        self.newest = tick
        while len(self.kept) > SNAPSHOTS_KEPT:
            del self.kept[min(self.kept)]
        return values


# ---- time

class TickClock:
    """Estimates the server's tick. A late message says too little, so the earliest one counts; but only one of the last
    seconds, as a busy server may have skipped ticks."""

    WINDOW_S = 2
    LEAD_MAX_S = 0.25 # further ahead, nobody can steer

    def __init__(self, rate):
        self.rate = rate
        self.window_began = -math.inf
        self.ahead = [-math.inf] * 2 # server's ticks minus ours, less the way here: in this window, in the one before
        self.lead = 4.0 # ticks by which inputs are made in advance; `timing` moves it

    def local(self):
        return time.monotonic() * self.rate

    def hear(self, tick):
        ahead = tick - self.local()
        if time.monotonic() - self.window_began > self.WINDOW_S:
            self.window_began = time.monotonic()
            self.ahead = [ahead, self.ahead[0]]
        else:
            self.ahead[0] = max(self.ahead[0], ahead)

    def hear_margin(self, margin_ms):
        margin = margin_ms * self.rate / 1000
        if margin < 1:
            self.lead = min(self.lead + 2 - margin, self.LEAD_MAX_S * self.rate)
        elif margin > 3:
            self.lead = max(self.lead - 0.2, 0)

    def input_tick(self):
        return int(self.local() + max(self.ahead) + self.lead)


# ---- a player

class Client:
    """One connection from hello to close. `drive(kart, map)` makes one tick's input from one kart's values."""

    def __init__(self, link, drive):
        self.link = link
        self.drive = drive
        self.phase = None
        self.map = None
        self.entity = None
        self.values = []
        self.roster = []
        self.results = []
        self.inputs = {} # by tick; those that the server may lack
        self.next_input = 0
        self.round_trips = []
        self.counts = {"full": 0, "delta": 0, "late": 0}

    @classmethod
    async def join(cls, url, token, session="", drive=None):
        return await cls.enter(await open_link(url), token, session, drive)

    @classmethod
    async def enter(cls, link, token, session="", drive=None):
        client = cls(link, drive)
        await client.send(HELLO, 1, token, session, "paddock_client.py")
        while True:
            message = await client.link.receive()
            if message[0] == WELCOME:
                client.on_welcome(*message[1:])
                return client

    async def send(self, *message):
        await self.link.send(pack(message))

    async def play(self):
        """Until the server closes; returns that close."""
        senders = asyncio.ensure_future(asyncio.gather(self.send_inputs(), self.send_pings()))
        try:
            while True:
                self.receive(await self.link.receive())
        except Closed as closed:
            return closed
        finally:
            senders.cancel()
            await asyncio.gather(senders, return_exceptions=True)
            self.link.drop()

    def receive(self, message):
        handlers = {ROSTER: self.on_roster, PHASE: self.on_phase, SNAPSHOT: self.on_snapshot,
                    TIMING: self.on_timing, RESULT: self.on_result, PONG: self.on_pong}
        if message[0] in handlers: # a later version may send more
            handlers[message[0]](*message[1:])

    def on_welcome(self, _version, session, _session_id, slot, _slots, tick_rate, _snapshot_rate, tick, game,
                   input_bytes, entity_values, resumed):
        self.session, self.slot, self.game, self.resumed = session, slot, game, resumed
        self.input_bytes = input_bytes
        self.clock = TickClock(tick_rate)
        self.clock.hear(tick)
        self.snapshots = Snapshots(entity_values)

    def on_roster(self, players):
        self.roster = players

    def on_phase(self, phase, _tick, _ends_tick, _race_id, _name, map_data, entity_of_slot):
        self.phase = phase
        if map_data:
            self.map = map_data
        if phase == COUNTDOWN:
            self.snapshots.forget()
        entity = entity_of_slot[self.slot] if self.slot < len(entity_of_slot) else 255
        self.entity = entity if entity != 255 else None

    def on_snapshot(self, tick, baseline_tick, expected, entities, delta):
        self.clock.hear(tick)
        values = self.snapshots.apply(tick, baseline_tick, expected, entities, delta)
        if values is not None:
            self.counts["delta" if baseline_tick else "full"] += 1
            self.values = values
            self.inputs = {due: data for due, data in self.inputs.items() if due > tick}

    def on_timing(self, _tick, margin_ms, late):
        self.clock.hear_margin(margin_ms)
        self.counts["late"] += late

    def on_result(self, race_id, final, standings):
        self.results.append((race_id, final, standings))

    def on_pong(self, stamp, tick):
        self.clock.hear(tick)
        self.round_trips.append((time.monotonic_ns() // 1000 - stamp) % (1 << 32) / 1e6)

    def own_kart(self):
        size = self.snapshots.per_entity
        return self.values[self.entity * size:(self.entity + 1) * size]

    def make_inputs(self):
        """Up to the present tick and a lead; what nobody wants any more is left out."""
        newest = self.clock.input_tick()
        if newest + WINDOW_TICKS / 4 < self.next_input: # the server has skipped ticks: these come later than we thought
            self.inputs = {due: data for due, data in self.inputs.items() if due <= newest}
            self.next_input = newest + 1
        self.next_input = max(self.next_input, newest - WINDOW_TICKS + 1, self.snapshots.newest + 1)
        while self.next_input <= newest:
            self.inputs[self.next_input] = self.drive(self.own_kart(), self.map)
            self.next_input += 1
        while len(self.inputs) > WINDOW_TICKS:
            del self.inputs[min(self.inputs)]

    async def send_inputs(self):
        while True:
            await asyncio.sleep(1 / 30)
            if self.phase == RACING and self.entity is not None and self.values:
                self.make_inputs()
            else:
                self.inputs = {}
            if self.inputs or self.snapshots.newest:
                await self.send(INPUT, self.snapshots.newest, min(self.inputs, default=0),
                                b"".join(self.inputs[tick] for tick in sorted(self.inputs)))

    async def send_pings(self):
        while True:
            await self.send(PING, time.monotonic_ns() // 1000 % (1 << 32))
            await asyncio.sleep(1)


# ---- the race: what game/README.md says of inputs, values and map data

X_CM, Y_CM, HEADING, SPEED_DM_S, GATES, PLACE, STATUS, TIME_MS = range(8)
STATUS_FINISHED, STATUS_DNF = 1, 2


def race_points(map_data):
    """The middle of the road, in cm."""
    title_bytes, points = struct.unpack_from(">BH", map_data, 1)
    return [(10 * x, 10 * y) for x, y, _ in
            struct.iter_unpack(">hhH", map_data[8 + title_bytes:8 + title_bytes + 6 * points])]


def race_drive(kart, map_data):
    """Full throttle towards the middle of the road some way ahead; less when that is far aside."""
    points = race_points(map_data)
    here = (kart[X_CM], kart[Y_CM])
    at = min(range(len(points)), key=lambda index: math.dist(points[index], here))
    ahead = 600 + 6 * max(kart[SPEED_DM_S], 0) # cm: six metres and what 0.6 s make
    while ahead > 0:
        step = math.dist(points[at], points[(at + 1) % len(points)])
        at, ahead = (at + 1) % len(points), ahead - step
    wanted = math.atan2(points[at][1] - here[1], points[at][0] - here[0])
    aside = math.remainder(wanted - kart[HEADING] * math.tau / 1024, math.tau)
    steer = max(-127, min(127, round(aside * 200)))
    return struct.pack("BBbB", 255 if abs(aside) < 0.6 else 90, 0, steer, 0)
